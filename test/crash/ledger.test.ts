/**
 * Chain, tracker, witnesses and anchoring killed together and one by one at random moments, the journal's end torn while the chain is
 * down: nothing that a command acknowledged is lost, every block keeps its hash, heads in the chain stay this log's, and anchoring
 * catches up without gaps or doubles. Afterwards the journal is replayed from its first block, and damaged in its middle.
 */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { openClient } from '../../src/apps/node/open-client.ts'
import { inviteProvider } from '../../src/client/membership/invite-provider.ts'
import { createJsonRpc, isObject } from '../../src/adapters/evm/json-rpc.ts'
import type { Command, Finished } from '../fixtures/processes/process-pool.ts'
import { killNow, startCommand, until } from '../fixtures/processes/process-pool.ts'
import { seedOf } from '../fixtures/provider-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'

const ROUNDS = Number(process.env['ALLMEND_CRASH_ROUNDS'] ?? 20)
const SEED = Number(process.env['ALLMEND_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** Within this, ms, commands have been run and heads anchored. */
const LONGEST_LIFE_MS = 1_500
/** As many operators as make a quorum of two: one that is down keeps nobody from writing. */
const WITNESSES = ['1', '2', '3'] as const
/** A torn append is at most this long here; a record of one transaction is longer. */
const LONGEST_TEAR = 100

interface Role {
  readonly command: Command
  readonly line: Record<string, string>
}

interface Status {
  readonly chain?: { readonly block?: { readonly number: number; readonly hash: string } }
  readonly anchored?: { readonly size: number }
  readonly log: { readonly size: number }
  readonly lag: { readonly entries: number }
  readonly witnesses: { readonly count: number; readonly fresh: number }
}

interface Block {
  readonly hash: string
  readonly transactions: readonly string[]
}

it(`${ROUNDS} kills of chain, tracker and witnesses (ALLMEND_SEED=${SEED})`, async () => {
  const random = randomFrom(SEED)
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-ledger-crash-'))
  const at = (...names: string[]) => path.join(root, ...names)
  const journal = at('chain', 'blocks')
  const starts: Readonly<Record<string, () => string[]>> = {
    chain: () => ['chain', 'start', '--dir', at('chain')],
    tracker: () =>
      `tracker start --dir ${at('tracker')} --chain-dir ${at('chain')} --anchor-every=1 --anchor-seconds=1`.split(
        ' ',
      ),
    ...Object.fromEntries(
      WITNESSES.map((name) => [name, () => ['provider', 'start', '--store', at('providers', name)]]),
    ),
  }
  const running = new Map<string, Role>()
  const run = (...args: string[]): Promise<Finished> =>
    startCommand(['--json', '--home', at('home'), ...args]).finished
  const succeed = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await run(...args)
    expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)
    return JSON.parse(stdout) as T
  }

  async function start(name: string, ...more: string[]): Promise<Role> {
    const command = startCommand(['--json', ...starts[name]!(), ...more])
    const lines = readline.createInterface({ input: command.child.stdout! })
    const first = new Promise<string>((resolve) => lines.once('line', resolve))
    const line = await Promise.race([first, command.finished])
    if (typeof line !== 'string') throw new Error(`${name}: ${line.stderr}`)
    const role = { command, line: JSON.parse(line) as Record<string, string> }
    running.set(name, role)
    return role
  }

  async function kill(names: readonly string[]): Promise<void> {
    const roles = names.map((name) => running.get(name)!)
    await killNow(roles.map(({ command }) => command.child.pid!))
    await Promise.all(roles.map(({ command }) => command.finished))
    for (const name of names) running.delete(name)
  }

  /** An admin's word for a provider of an operator of its own. */
  async function inviteOf(name: string): Promise<string> {
    const client = await openClient({ home: at('home') })
    try {
      return await inviteProvider(client, { operator: seedOf(`operator ${name}`) })
    } finally {
      await client.close()
    }
  }

  /** What a power loss leaves of an append that nobody was answered for. */
  const tear = () => fs.appendFileSync(journal, random.bytes(1 + random.below(LONGEST_TEAR)))

  /** Kills a random set of roles, never two witnesses; the chain's journal is torn before every other start of it. */
  async function killSome(): Promise<void> {
    const doomed = ['chain', 'tracker'].filter(() => random.below(2) === 0)
    if (doomed.length === 0 || random.below(3) === 0) doomed.push(WITNESSES[random.below(WITNESSES.length)]!)
    await kill(doomed)
    if (doomed.includes('chain') && random.below(2) === 0) tear()
    await Promise.all(doomed.map((name) => start(name)))
  }

  async function ask(method: string, ...params: unknown[]): Promise<Record<string, unknown>> {
    const answer = await createJsonRpc({ url: running.get('chain')!.line['url']! }).request(method, params)
    if (!isObject(answer)) throw new TypeError(`${method} gave ${JSON.stringify(answer)}`)
    return answer
  }

  const blockAt = async (number: number): Promise<Block> =>
    (await ask('eth_getBlockByNumber', `0x${number.toString(16)}`, false)) as unknown as Block

  async function blocksTo(newest: number): Promise<Block[]> {
    const all: Block[] = []
    for (let number = 0; number <= newest; number++) all.push(await blockAt(number))
    return all
  }

  try {
    const [, tracker] = await Promise.all([start('chain'), start('tracker', '--listen=127.0.0.1:0')])
    const token = tracker.line['foundingToken']!
    await succeed('init', '--name=alice', '--unattended', '--phrase-file', at('phrase'), '--join', token)
    for (const name of WITNESSES) {
      const invite = await inviteOf(name)
      await start(name, '--join', invite, '--capacity=1GB', '--name', name, '--listen=127.0.0.1:0')
    }
    // Contracts are being deployed, which kills interrupt too.
    let isBound = false
    const bind = async (): Promise<void> => {
      isBound ||= (await run('ledger', 'bind')).code === 0
    }

    const acknowledged: string[] = []
    const seen = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round++) {
      const dying = delay(random.below(LONGEST_LIFE_MS)).then(killSome)
      const name = `/home/${round}`
      if ((await run('mkdir', name)).code === 0) acknowledged.push(name)
      await bind()
      const status = await run('ledger', 'status')
      await dying
      const block = status.code === 0 ? (JSON.parse(status.stdout) as Status).chain?.block : undefined
      if (block !== undefined) seen.set(block.number, `0x${block.hash}`)
    }

    await until(async () => {
      await bind()
      return isBound || undefined
    })
    const { chain, log } = await until(async () => {
      const { code, stdout } = await run('ledger', 'status')
      if (code !== 0) return undefined
      const found = JSON.parse(stdout) as Status
      const isAnchored = found.lag.entries === 0 && found.anchored?.size === found.log.size
      return isAnchored && found.witnesses.fresh === WITNESSES.length ? found : undefined
    })
    const listed = await run('ls', '/home')
    const there = listed.stdout.split('\n').filter((line) => line !== '')
    for (const name of acknowledged)
      expect(listed.stdout, `${name} of ${there.length}`).toContain(`"${path.basename(name)}"`)
    expect(acknowledged.length).toBeGreaterThan(0)

    const blocks = await blocksTo(chain!.block!.number)
    for (const [number, hash] of seen) expect(blocks[number]?.hash, `block ${number}`).toBe(hash)
    // A head that is sent twice is refused by the contract: no transaction was for nothing.
    for (const transaction of blocks.flatMap(({ transactions }) => transactions))
      expect(await ask('eth_getTransactionReceipt', transaction)).toMatchObject({ status: '0x1' })
    const { url } = running.get('chain')!.line
    expect(await succeed('log', 'verify', '--chain-url', url!)).toMatchObject({
      chainAsked: true,
      size: log.size,
      anchored: { size: log.size },
      witnesses: { operators: WITNESSES.length },
    })

    await kill([...running.keys()])
    const whole = fs.readFileSync(journal)
    fs.rmSync(at('chain', 'snapshot'), { force: true })
    tear()
    await start('chain')
    expect(fs.readFileSync(journal).equals(whole), 'the torn end is cut off, and nothing else').toBe(true)
    expect(await blocksTo(blocks.length - 1)).toEqual(blocks)

    await kill(['chain'])
    fs.rmSync(at('chain', 'snapshot'), { force: true })
    const damaged = Buffer.from(whole)
    const middle = Math.floor(whole.length / 2)
    damaged[middle]! ^= 1 << random.below(8)
    fs.writeFileSync(journal, damaged)
    const refused = await run(...starts['chain']!())
    expect(refused.code, refused.stdout).toBe(7)
    const { error } = JSON.parse(refused.stderr.trimEnd().split('\n').at(-1)!) as {
      error: { code: string; message: string; facts: { position: number; block: number } }
    }
    expect(error).toMatchObject({ code: 'malformed', message: expect.stringContaining('damaged at byte') })
    expect(error.facts.position).toBeLessThanOrEqual(middle)
    expect(error.facts.block).toBeLessThan(blocks.length)
    expect(fs.readFileSync(journal).equals(damaged), 'what is damaged is left as it is').toBe(true)

    fs.writeFileSync(journal, whole)
    await start('chain')
    expect(await blockAt(blocks.length - 1)).toEqual(blocks.at(-1))
  } finally {
    await kill([...running.keys()])
    fs.rmSync(root, { recursive: true, force: true })
  }
})
