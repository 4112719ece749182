import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { startAnvilEngine } from './anvil-engine.ts'
import { chainEngineConformance } from './chain-engine.conformance.ts'

chainEngineConformance('anvil', startAnvilEngine)

const SCRIPT = `
  const { startAnvil } = await import(${JSON.stringify(new URL('anvil-process.ts', import.meta.url).href)})
  const anvil = await startAnvil(['--accounts', '0', '--no-mining'])
  console.log(anvil.url)
  setInterval(() => {}, 1000)
`

/** Whether something listens there. */
async function answers(url: string): Promise<boolean> {
  try {
    await fetch(url, { method: 'POST', body: '{}' })
    return true
  } catch {
    return false
  }
}

test('anvil listens on loopback alone, and ends with its parent, however that ends', async () => {
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    const parent = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = await once(parent.stdout, 'data')
    const url = String(said).trim()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await answers(url)).toBe(true)
    if (process.platform === 'linux') {
      const port = new URL(url).port
      const { stdout } = await promisify(execFile)('cat', ['/proc/net/tcp'])
      const hex = Number(port).toString(16).toUpperCase().padStart(4, '0')
      const listening = stdout.split('\n').filter((line) => line.includes(`:${hex} `) && / 0A /.test(line))
      expect(listening.every((line) => line.includes(`0100007F:${hex}`))).toBe(true)
    }
    parent.kill(signal)
    await once(parent, 'exit')
    while (await answers(url)) await new Promise((resolve) => setImmediate(resolve))
  }
})
