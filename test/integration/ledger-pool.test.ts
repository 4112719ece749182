/** The ledger in pools of real processes: what is proven against the chain, what survives, what a rollback looks like, other networks. */
import * as fs from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { createJsonRpc, isObject } from '../../src/adapters/evm/json-rpc.ts'
import { ProcessPool, until } from '../fixtures/process-pool.ts'

interface LedgerStatus {
  readonly chain?: { id: number; kind: string; block?: { number: number; hash: string } }
  readonly contracts?: { directory: string; bound: boolean }
  readonly anchored?: { size: number; root: string; block: number }
  readonly log: { size: number; root: string }
  readonly lag: { entries: number }
  readonly witnesses: { count: number; quorum: number; fresh: number }
  readonly problem?: string
}

interface Verdict {
  readonly verified: boolean
  readonly chainAsked: boolean
  readonly size: number
  readonly anchored?: { size: number }
}

/** Anchors so often that a test sees it. */
const OFTEN = ['--anchor-seconds=1'] as const

let pool: ProcessPool
afterEach(() => pool.close())

const status = () => pool.json<LedgerStatus>('ledger', 'status')

/** Waits until an admin's binding and everything else that is logged is anchored. */
function anchored(): Promise<LedgerStatus> {
  return until(async () => {
    const found = await status()
    const isAnchored = found.lag.entries === 0 && found.anchored?.size === found.log.size
    const isWhole = isAnchored && found.chain?.block !== undefined && found.contracts?.bound === true
    return isWhole ? found : undefined
  })
}

async function put(name: string, member = 'alice'): Promise<void> {
  const file = pool.at(name)
  fs.writeFileSync(file, name)
  expect(await pool.as(member, 'put', file, '/home/')).toMatchObject({ code: 0 })
}

describe('a pool and its embedded chain', () => {
  it('proves what two members put against the chain, and comes back from kill -9 to the same head and block', async () => {
    pool = await ProcessPool.start({ providers: 3, members: 'alice,bob', chain: OFTEN })
    expect(pool.process('chain').address).toMatch(/^127\.0\.0\.1:\d+$/)
    await put('of-alice')
    await put('of-bob', 'bob')
    const before = await anchored()
    expect(before).toMatchObject({ chain: { kind: 'embedded' }, witnesses: { count: 3, quorum: 2 } })
    expect(before.problem).toBeUndefined()
    for (const member of ['alice', 'bob']) {
      const { code, stdout, stderr } = await pool.as(member, '--json', 'log', 'verify')
      expect(code, stderr).toBe(0)
      const verdict = JSON.parse(stdout) as Verdict
      expect(verdict).toMatchObject({ verified: true, chainAsked: true, size: before.log.size })
      expect(verdict.anchored?.size).toBe(before.log.size)
    }

    await pool.killAll()
    await pool.up()
    const after = await anchored()
    expect([after.log, after.anchored, after.chain]).toEqual([before.log, before.anchored, before.chain])
    expect((await pool.json<Verdict>('log', 'verify')).chainAsked).toBe(true)
  })

  it('has members whose next command exits 7 when the tracker’s folder is an older copy', async () => {
    pool = await ProcessPool.start({ providers: 3, chain: OFTEN })
    await put('monday')
    await pool.down()
    const tracker = pool.at('pool', 'tracker')
    fs.cpSync(tracker, pool.at('yesterday'), { recursive: true })
    await pool.up()
    await put('tuesday')
    await anchored()
    await pool.down()
    fs.rmSync(tracker, { recursive: true })
    fs.cpSync(pool.at('yesterday'), tracker, { recursive: true })
    await pool.up()
    expect(await pool.run('ls', '/home')).toMatchObject({ code: 7 })
  })

  it('reads and writes without its chain, and anchors what came in between when that is back', async () => {
    pool = await ProcessPool.start({ providers: 3, restart: 'never', chain: OFTEN })
    const { anchored: first, chain } = await anchored()
    const { address } = pool.process('chain')
    await pool.kill('chain')
    await put('without')
    expect((await pool.run('cat', '/home/without')).stdout).toBe('without')
    await until(async () => ((await status()).problem === undefined ? undefined : true))
    expect(await pool.json<Verdict>('log', 'verify')).toMatchObject({ verified: true, chainAsked: false })
    const back = pool.spawn(['chain', 'start', '--dir', pool.at('pool', 'chain')])
    const again = await anchored()
    expect(again.anchored!.size).toBeGreaterThan(first!.size)
    const rpc = createJsonRpc({ url: `http://${address}` })
    const block = await rpc.request('eth_getBlockByNumber', [`0x${chain!.block!.number.toString(16)}`, false])
    expect(isObject(block) && block['hash']).toBe(`0x${chain!.block!.hash}`)
    back.child.kill('SIGTERM')
    await back.finished
  })
})

describe('a pool and another network', () => {
  it('deploys there once, and goes on there without being told again', async () => {
    pool = await ProcessPool.start({ providers: 1 })
    const without = await status()
    expect([without.chain, without.anchored]).toEqual([undefined, undefined])
    const running = pool.spawn(['--json', 'chain', 'start', '--dir', pool.at('network')])
    const line = await new Promise<string>((resolve) =>
      running.child.stdout!.once('data', (d) => resolve(String(d))),
    )
    const { url } = JSON.parse(line) as { url: string }
    const keyFile = pool.at('chain.key')
    fs.writeFileSync(keyFile, `${'42'.repeat(32)}\n`, { mode: 0o600 })
    await pool.down()
    pool.chain = [...OFTEN, `--chain-url=${url}`, `--chain-key-file=${keyFile}`]
    await pool.up()
    const there = await anchored()
    expect(there.chain?.kind).toBe('consortium')
    expect(pool.processes().some(({ role }) => role === 'chain')).toBe(false)
    await pool.down()
    pool.chain = OFTEN
    await pool.up()
    await pool.run('mkdir', '/home/later')
    const later = await anchored()
    expect(later.contracts).toEqual(there.contracts)
    expect(later.anchored!.size).toBeGreaterThan(there.anchored!.size)
    expect(await pool.json<Verdict>('log', 'verify')).toMatchObject({ verified: true, chainAsked: true })
  })
})
