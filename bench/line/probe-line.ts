/** What the line itself does, by plain sockets: it is measuring equipment. `node bench/line/probe-line.ts [mbits] [rttMs] [loss]` */
import { besideFar, runNear } from './far-process.ts'
import { Line, lineMissing } from './line.ts'
import type { LineProbe } from './probe-near.ts'

const FAR = new URL('probe-far.ts', import.meta.url)
const NEAR = new URL('probe-near.ts', import.meta.url)

/** Sends this many datagrams, then floods one TCP connection for so many seconds. */
export async function probeLine(line: Line, datagrams = 2000, seconds = 5): Promise<LineProbe> {
  const host = line.publicHost('far')
  return besideFar(line, FAR, [host], (said) => {
    const { udp, tcp } = JSON.parse(said) as { readonly udp: number; readonly tcp: number }
    return runNear<LineProbe>(line, NEAR, [host, ...[udp, tcp, datagrams, seconds].map(String)])
  })
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
