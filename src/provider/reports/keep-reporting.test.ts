import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ProviderPool, testShard } from '../../../test/fixtures/provider-pool.ts'
import type { TestProvider } from '../../../test/fixtures/provider-pool.ts'
import { MemoryShardStore } from '../../adapters/memory/memory-shard-store.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import { BusyError, InternalError } from '../../core/open/errors.ts'
import { peerId } from '../../core/open/hash.ts'
import { DAMAGE_WRONG, reportProvider } from '../../core/open/protocol/tracker-methods.ts'
import { route, router } from '../../ports/rpc.ts'
import type { Listener, Transport } from '../../ports/transport.ts'
import { FIRST_RETRY_MS, keepReporting, REPORT_INTERVAL_MS } from './keep-reporting.ts'

type Report = Parameters<typeof reportProvider.request.encode>[0]

const shard = testShard(1)
let pool: ProviderPool
let provider: TestProvider
let store: MemoryShardStore
let tracker: Transport
let listener: Listener
let abort: AbortController
let running: Promise<void>
let reports: Report[]
let answers: Uint8Array[][]
let asks: { chainId: number; contract: Uint8Array; seq: number }[]
let drops: Uint8Array[][]
let announced: number
let failNext: Error | undefined
let heard: (() => void)[]
let returns: number

async function listen(): Promise<void> {
  listener = await tracker.listen({
    address: 'tracker:1',
    handler: router([
      route(reportProvider, (report) => {
        if (failNext !== undefined) {
          const error = failNext
          failNext = undefined
          return Promise.reject(error)
        }
        reports.push(report)
        const ask = asks.shift()
        const free = answers.shift() ?? []
        const drop = drops.shift()
        return Promise.resolve({
          value: { free, ...(ask === undefined ? {} : { ask }), ...(drop === undefined ? {} : { drop }) },
        })
      }),
    ]),
  })
}

function start(announce: () => Promise<void> = () => Promise.resolve()): void {
  running = keepReporting(
    provider.provider.state,
    {
      trackerAddress: 'tracker:1',
      dial: (signal) =>
        provider.transport.dial('tracker:1', peerId(nodePrimitives, tracker.publicKey), { signal }),
      announce: () => {
        announced++
        return announce()
      },
      pid: 42,
      onFirstReport: () => heard.forEach((call) => call()),
      onReturn: () => returns++,
    },
    abort.signal,
  )
}

async function nextReport(): Promise<void> {
  await pool.clock.sleeperAt(REPORT_INTERVAL_MS)
  pool.clock.advance(REPORT_INTERVAL_MS)
  await pool.clock.sleeperAt(REPORT_INTERVAL_MS)
}

beforeEach(async () => {
  pool = new ProviderPool()
  store = new MemoryShardStore(nodePrimitives, 1_000_000)
  provider = await pool.provider('p1', { store })
  await store.put(shard.id, shard.bytes)
  tracker = pool.transport('tracker')
  abort = new AbortController()
  ;[reports, answers, asks, drops, heard, announced, failNext] = [[], [], [], [], [], 0, undefined]
  returns = 0
})
afterEach(async () => {
  abort.abort()
  await running
  await pool.close()
})

describe('reporting', () => {
  it('announces once, then reports every second what the store holds', async () => {
    await listen()
    const first = new Promise<void>((resolve) => heard.push(resolve))
    start()
    await first
    await nextReport()
    await nextReport()
    expect(announced).toBe(1)
    expect(reports).toHaveLength(3)
    expect(reports[0]).toMatchObject({ capacity: 1_000_000, shards: 1, pid: 42, damaged: [], freed: [] })
  })

  it('says when the tracker is back after it was away, each time, and nothing of a first report', async () => {
    await listen()
    start()
    await pool.clock.sleeperAt(REPORT_INTERVAL_MS)
    expect(returns).toBe(0)
    for (const times of [1, 2]) {
      failNext = new BusyError('not now')
      pool.clock.advance(REPORT_INTERVAL_MS)
      await pool.clock.sleeperAt(FIRST_RETRY_MS)
      pool.clock.advance(FIRST_RETRY_MS)
      await nextReport()
      expect(returns).toBe(times)
    }
  })

  it('tells of damage until a report was answered', async () => {
    await listen()
    provider.provider.state.damage.add(shard.id, DAMAGE_WRONG)
    failNext = new BusyError('not now')
    start()
    await pool.clock.sleeperAt(FIRST_RETRY_MS)
    pool.clock.advance(FIRST_RETRY_MS)
    await nextReport()
    expect(reports.map(({ damaged }) => damaged.length)).toEqual([1, 0])
    expect(toHex(reports[0]!.damaged[0]![0])).toBe(toHex(shard.id))
  })

  it('tells what is read a lot until a report was answered, once; nothing of copies where there are none', async () => {
    await listen()
    const { hot } = provider.provider.state
    for (let i = 0; i < 9; i++) hot.served(shard.id, 100, 100, new Uint8Array(32).fill(i))
    drops = [[shard.id]]
    failNext = new BusyError('not now')
    start()
    await pool.clock.sleeperAt(FIRST_RETRY_MS)
    pool.clock.advance(FIRST_RETRY_MS)
    await nextReport()
    expect(reports.map(({ hot }) => hot?.map(toHex))).toEqual([[toHex(shard.id)], undefined])
    expect(reports.map(({ copies }) => copies)).toEqual([undefined, undefined])
    expect(store.stat(shard.id)?.whole).toBe(true)
  })

  it('frees what the answer names, confirms it with the next report, once', async () => {
    await listen()
    const unknown = testShard(5).id
    answers = [[shard.id, unknown]]
    start()
    await nextReport()
    await nextReport()
    expect(store.stat(shard.id)).toBeUndefined()
    expect(reports.map(({ freed }) => freed.map(toHex))).toEqual([[], [toHex(shard.id), toHex(unknown)], []])
    expect(reports[1]).toMatchObject({ shards: 0 })
  })

  it('signs what the answer asks for, and sends that until a report was answered', async () => {
    await listen()
    let failing = false
    const far = Math.floor(pool.clock.now() / 1_000) + 100
    provider = await pool.provider('p2', {
      store,
      signReport: (domain, { capacity, used, seq }) =>
        failing
          ? Promise.reject(new InternalError('no key'))
          : Promise.resolve(new Uint8Array(64).fill(domain.chainId + capacity + used + seq - far)),
    })
    const contract = new Uint8Array(20)
    asks = [{ chainId: 5, contract, seq: far }]
    start()
    await pool.clock.sleeperAt(REPORT_INTERVAL_MS)
    failNext = new BusyError('not now')
    pool.clock.advance(REPORT_INTERVAL_MS)
    await pool.clock.sleeperAt(FIRST_RETRY_MS)
    pool.clock.advance(FIRST_RETRY_MS)
    await nextReport()
    const signed = { capacity: 0, used: 0, seq: far + 1, signature: new Uint8Array(64).fill(6) }
    expect(reports.map((report) => report.signed)).toEqual([undefined, signed, undefined])
    failing = true
    asks = [{ chainId: 5, contract, seq: far + 1 }]
    await nextReport()
    await nextReport()
    expect(reports.at(-1)!.signed).toBeUndefined()
  })

  it('does not free what was stored after the report left', async () => {
    await listen()
    const late = testShard(6)
    answers = [[late.id]]
    const { promise, resolve } = Promise.withResolvers<void>()
    const put = provider.provider.state.guard.put(late.id, () => promise)
    start()
    await pool.clock.sleeperAt(REPORT_INTERVAL_MS)
    await store.put(late.id, late.bytes)
    resolve()
    await put
    await nextReport()
    expect(store.stat(late.id)).toBeDefined()
    expect(reports[1]!.freed).toEqual([])
  })

  it('goes on when freeing fails, without confirming', async () => {
    await listen()
    answers = [[shard.id]]
    store.delete = () => Promise.reject(new InternalError('disk'))
    start()
    await nextReport()
    expect(reports).toHaveLength(2)
    expect(reports[1]!.freed).toEqual([])
  })

  it('keeps trying while the tracker is away, slower and slower, and after a restart', async () => {
    start()
    for (const wait of [100, 200, 400, 800, 1_600, 2_000, 2_000]) {
      await pool.clock.sleeperAt(wait)
      pool.clock.advance(wait)
    }
    await pool.clock.sleeperAt(2_000)
    await listen()
    pool.clock.advance(2_000)
    await nextReport()
    expect(reports).toHaveLength(2)
    await listener.close()
    await pool.clock.sleeperAt(REPORT_INTERVAL_MS)
    pool.clock.advance(REPORT_INTERVAL_MS)
    await pool.clock.sleeperAt(FIRST_RETRY_MS)
    await listen()
    pool.clock.advance(FIRST_RETRY_MS)
    await nextReport()
    expect(reports).toHaveLength(4)
    expect(announced).toBe(1)
  })

  it('announces again when that failed', async () => {
    await listen()
    start(() => (announced === 1 ? Promise.reject(new BusyError('not now')) : Promise.resolve()))
    await pool.clock.sleeperAt(FIRST_RETRY_MS)
    expect(reports).toHaveLength(0)
    pool.clock.advance(FIRST_RETRY_MS)
    await nextReport()
    expect(announced).toBe(2)
    expect(reports).toHaveLength(2)
  })
})
