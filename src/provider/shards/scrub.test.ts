import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ProviderPool, testShard } from '../../../test/fixtures/provider-pool.ts'
import type { TestProvider } from '../../../test/fixtures/provider-pool.ts'
import { MemoryShardStore } from '../../adapters/memory/memory-shard-store.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { InternalError } from '../../core/open/errors.ts'
import { DAMAGE_WRONG } from '../../core/open/protocol/tracker-methods.ts'
import { COMPACT_INTERVAL_MS, compactIfUseful, keepCompacting } from './compact.ts'
import { keepScrubbing, SCRUB_INTERVAL_MS, SCRUB_PAUSE_MS, scrubOnce } from './scrub.ts'

const shards = Array.from({ length: 5 }, (_, i) => testShard(i, 2, 1_000_000))
let pool: ProviderPool
let provider: TestProvider
let store: MemoryShardStore

beforeEach(async () => {
  pool = new ProviderPool()
  store = new MemoryShardStore(nodePrimitives, 64 * 1024 * 1024)
  provider = await pool.provider('p1', { store })
  for (const { id, bytes } of shards) await store.put(id, bytes)
})
afterEach(() => pool.close())

describe('scrubbing', () => {
  it('finds every rotten shard in one pass, in steps, and queues it for the report', async () => {
    const { state } = provider.provider
    store.damage(shards[1]!.id, 5)
    store.damage(shards[4]!.id, 1_999_999)
    let cursor: Uint8Array | undefined
    let steps = 0
    do {
      cursor = await scrubOnce(state, cursor)
      steps++
    } while (cursor !== undefined)
    expect(steps).toBeGreaterThan(1)
    expect(new Set(state.damage.pending(10))).toEqual(
      new Set([
        [shards[1]!.id, DAMAGE_WRONG],
        [shards[4]!.id, DAMAGE_WRONG],
      ]),
    )
  })

  it('is throttled, rests after a pass, survives faults, and stops at once', async () => {
    const { state } = provider.provider
    const abort = new AbortController()
    const running = keepScrubbing(state, abort.signal)
    await pool.clock.sleeperAt(SCRUB_INTERVAL_MS)
    const original = store.scrub.bind(store)
    store.scrub = () => Promise.reject(new InternalError('disk'))
    pool.clock.advance(SCRUB_INTERVAL_MS)
    await pool.clock.sleeperAt(SCRUB_PAUSE_MS)
    store.scrub = original
    store.damage(shards[0]!.id, 7)
    pool.clock.advance(SCRUB_PAUSE_MS)
    await pool.clock.sleeperAt(SCRUB_INTERVAL_MS)
    pool.clock.advance(SCRUB_INTERVAL_MS)
    await pool.clock.sleeperAt(SCRUB_PAUSE_MS)
    expect(state.damage.pending(10)).toHaveLength(1)
    abort.abort()
    await running
  })
})

describe('compacting', () => {
  it('happens when enough is garbage, and a fault does not end it', async () => {
    const { state } = provider.provider
    let compactions = 0
    let live = 950_000
    store.usage = () => ({ capacity: 2_000_000, used: 1_000_000, live, shards: 5, damagedFiles: 0 })
    store.compact = () => {
      compactions++
      return compactions === 2
        ? Promise.reject(new InternalError('disk'))
        : Promise.resolve({ reclaimedBytes: 5 })
    }
    expect(await compactIfUseful(state)).toBe(0)
    live = 800_000
    expect(await compactIfUseful(state)).toBe(5)
    const abort = new AbortController()
    const running = keepCompacting(state, abort.signal)
    for (let turn = 0; turn < 2; turn++) {
      await pool.clock.sleeperAt(COMPACT_INTERVAL_MS)
      pool.clock.advance(COMPACT_INTERVAL_MS)
    }
    await pool.clock.sleeperAt(COMPACT_INTERVAL_MS)
    expect(compactions).toBe(3)
    abort.abort()
    await running
  })
})
