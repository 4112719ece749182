/** What the line itself does, by plain sockets: it is measuring equipment. `node bench/line/probe-line.ts [mbits] [rttMs] [loss]` */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { runCommand } from '../end-to-end/run-command.ts'
import { Line, lineMissing } from './line.ts'
import type { LineProbe } from './probe-near.ts'

const script = (name: string): string => path.join(import.meta.dirname, name)

/** Sends this many datagrams, then floods one TCP connection for so many seconds. */
export async function probeLine(line: Line, datagrams = 2000, seconds = 5): Promise<LineProbe> {
  const host = line.publicHost('far')
  const [command, ...before] = line.on('far')
  const far = spawn(command, [...before, process.execPath, script('probe-far.ts'), host], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const lines = readline.createInterface({ input: far.stdout })
    const [ready] = (await once(lines, 'line')) as [string]
    const { udp, tcp } = JSON.parse(ready) as { readonly udp: number; readonly tcp: number }
    const [program, ...words] = line.on('near')
    const numbers = [udp, tcp, datagrams, seconds].map(String)
    const { stdout } = await runCommand(program, [
      ...words,
      process.execPath,
      script('probe-near.ts'),
      host,
      ...numbers,
    ])
    return JSON.parse(stdout) as LineProbe
  } finally {
    far.kill()
    await once(far, 'exit')
  }
}

if (import.meta.main) {
  const missing = lineMissing()
  if (missing !== undefined) throw new Error(missing)
  const [mbits = 100, rttMs = 50, loss = 0] = process.argv.slice(2).map(Number)
  const line = await Line.open()
  try {
    for (const control of ['cubic', 'bbr'] as const) {
      await line.set({ mbits, rttMs, loss, seed: 1 })
      line.setCongestionControl(control)
      const before = await line.counters()
      const probe = await probeLine(line)
      const after = await line.counters()
      console.log(control, probe, {
        outward: after.outward,
        homeward: after.homeward,
        lost: (after.outward.lost - before.outward.lost) / (after.outward.packets - before.outward.packets),
      })
    }
  } finally {
    await line.close()
  }
}
