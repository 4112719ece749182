/**
 * Chain, tracker and anchoring killed together and one by one at random moments: nothing that a command acknowledged is lost, every
 * block keeps its hash, heads in the chain stay this log's, and anchoring catches up without gaps or doubles.
 */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createJsonRpc, isObject } from '../../src/adapters/evm/json-rpc.ts'
import type { Command, Finished } from '../fixtures/process-pool.ts'
import { killNow, startCommand, until } from '../fixtures/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'

const ROUNDS = Number(process.env['ALLMEND_CRASH_ROUNDS'] ?? 20)
const SEED = Number(process.env['ALLMEND_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** Within this, ms, commands have been run and heads anchored. */
const LONGEST_LIFE_MS = 1_500

interface Role {
  readonly command: Command
  readonly line: Record<string, string>
}

interface Status {
  readonly chain?: { readonly block?: { readonly number: number; readonly hash: string } }
  readonly anchored?: { readonly size: number }
  readonly log: { readonly size: number }
  readonly lag: { readonly entries: number }
}

it(`${ROUNDS} kills of chain and tracker (ALLMEND_SEED=${SEED})`, async () => {
  const random = randomFrom(SEED)
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-ledger-crash-'))
  const at = (name: string) => path.join(root, name)
  const running = new Set<Role>()
  const run = (...args: string[]): Promise<Finished> =>
    startCommand(['--json', '--home', at('home'), ...args]).finished

  async function start(...args: string[]): Promise<Role> {
    const command = startCommand(['--json', ...args])
    const lines = readline.createInterface({ input: command.child.stdout! })
    const first = new Promise<string>((resolve) => lines.once('line', resolve))
    const line = await Promise.race([first, command.finished])
    if (typeof line !== 'string') throw new Error(`${args.join(' ')}: ${line.stderr}`)
    const role = { command, line: JSON.parse(line) as Record<string, string> }
    running.add(role)
    return role
  }
  const startChain = () => start('chain', 'start', '--dir', at('chain'))
  const startTracker = () =>
    start(
      'tracker',
      'start',
      '--dir',
      at('tracker'),
      '--chain-dir',
      at('chain'),
      '--anchor-every=1',
      '--anchor-seconds=1',
      ...listen,
    )
  let listen = ['--listen=127.0.0.1:0']
  async function kill(...roles: Role[]): Promise<void> {
    await killNow(roles.map(({ command }) => command.child.pid!))
    await Promise.all(roles.map(({ command }) => command.finished))
    for (const role of roles) running.delete(role)
  }

  try {
    let [chain, tracker] = await Promise.all([startChain(), startTracker()])
    listen = []
    const token = tracker.line['foundingToken']!
    const init = await run(
      'init',
      '--join',
      token,
      '--name=alice',
      '--unattended',
      '--phrase-file',
      at('phrase'),
    )
    expect(init.code, init.stderr).toBe(0)

    const acknowledged: string[] = []
    const blocks = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round++) {
      const dying = delay(random.below(LONGEST_LIFE_MS)).then(async () => {
        const [killChain, killTracker] = [
          [true, false],
          [false, true],
          [true, true],
        ][random.below(3)]!
        await kill(...(killChain ? [chain] : []), ...(killTracker ? [tracker] : []))
        if (killChain) chain = await startChain()
        if (killTracker) tracker = await startTracker()
      })
      const name = `/home/${round}`
      if ((await run('mkdir', name)).code === 0) acknowledged.push(name)
      const status = await run('ledger', 'status')
      await dying
      const block = status.code === 0 ? (JSON.parse(status.stdout) as Status).chain?.block : undefined
      if (block !== undefined) blocks.set(block.number, block.hash)
    }

    const { chain: now, log } = await until(async () => {
      const { code, stdout } = await run('ledger', 'status')
      if (code !== 0) return undefined
      const found = JSON.parse(stdout) as Status
      return found.lag.entries === 0 && found.anchored?.size === found.log.size ? found : undefined
    })
    const listed = await run('ls', '/home')
    const there = listed.stdout.split('\n').filter((line) => line !== '')
    for (const name of acknowledged)
      expect(listed.stdout, `${name} of ${there.length}`).toContain(`"${path.basename(name)}"`)
    expect(acknowledged.length).toBeGreaterThan(0)

    const { url } = chain.line
    const rpc = createJsonRpc({ url: url! })
    for (const [number, hash] of blocks) {
      const block = await rpc.request('eth_getBlockByNumber', [`0x${number.toString(16)}`, false])
      expect(isObject(block) && block['hash'], `block ${number} of ${now?.block?.number}`).toBe(`0x${hash}`)
    }
    const verified = await run('log', 'verify', '--chain-url', url!)
    expect(verified.code, verified.stderr).toBe(0)
    expect(JSON.parse(verified.stdout)).toMatchObject({ chainAsked: true, size: log.size })
  } finally {
    await kill(...running)
    fs.rmSync(root, { recursive: true, force: true })
  }
})
