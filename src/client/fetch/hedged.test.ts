import { beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../../../test/fixtures/manual-clock.ts'
import { CancelledError, UnreachableError } from '../../core/open/errors.ts'
import { Hedging, UNKNOWN_MS } from '../transfer/hedging.ts'
import type { Candidate } from './hedged.ts'
import { fetchEnough } from './hedged.ts'

const MIB = 1024 * 1024
let clock: ManualClock
let hedging: Hedging
let done: number
let isHeld: boolean
let lineMs: number | undefined
let isLineFull: boolean
let started: Fetch[]
beforeEach(() => {
  clock = new ManualClock()
  hedging = new Hedging()
  done = 0
  isHeld = false
  lineMs = undefined
  isLineFull = false
  started = []
})

interface Fetch {
  readonly name: string
  readonly receive: (bytes: number) => void
  readonly bring: (is?: boolean) => void
  readonly fail: (error: unknown) => void
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const names = (): string[] => started.map(({ name }) => name)

const candidate = (name: string, expectedMs?: number): Candidate => ({
  bytes: 4 * MIB,
  expectedMs: () => expectedMs,
  fetch: (signal, receive) => {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    signal.addEventListener('abort', () => reject(new CancelledError('stopped')))
    const bring = (is = true): void => {
      if (is) done++
      resolve(is)
    }
    started.push({ name, receive, bring, fail: reject })
    return promise
  },
})

const fetchTwo = (expected: readonly (number | undefined)[], signal?: AbortSignal): Promise<unknown> =>
  fetchEnough(
    { clock, hedging, isHeld: () => isHeld, lineMs: () => lineMs, isLineFull: () => isLineFull },
    expected.map((ms, i) => candidate('abcdef'[i]!, ms)),
    2,
    () => done >= 2,
    signal,
  )

test('the first are fetched, and nobody else when they are in time', async () => {
  const all = fetchTwo([10, 10, 10])
  started[0]!.bring()
  started[1]!.bring()
  expect(await all).toBeUndefined()
  expect(names()).toEqual(['a', 'b'])
})

test('who fails, and who brings the wrong bytes, is replaced at once, and the first failure told', async () => {
  const all = fetchTwo([10, 10, 10, 10])
  const error = new UnreachableError('gone')
  started[0]!.fail(error)
  started[1]!.bring(false)
  await settled()
  expect(names()).toEqual(['a', 'b', 'c', 'd'])
  started[2]!.bring()
  started[3]!.bring()
  expect(await all).toBe(error)
})

test('who dawdles is raced once, and what then fails is not replaced twice', async () => {
  const all = fetchTwo([undefined, 60_000, 60_000, 60_000])
  await clock.sleeperAt(UNKNOWN_MS)
  clock.advance(UNKNOWN_MS)
  await settled()
  expect(names()).toEqual(['a', 'b', 'c'])
  started[0]!.fail(new UnreachableError('gone at last'))
  await settled()
  expect(names()).toEqual(['a', 'b', 'c'])
  started[1]!.bring()
  started[2]!.bring()
  expect(await all).toBeInstanceOf(UnreachableError)
})

test('a read that gets on is raced only while that may cost something, one that stands still in any case', async () => {
  hedging.spend(1_000 * MIB)
  void fetchTwo([undefined, 60_000, 60_000])
  started[0]!.receive(1)
  await clock.sleeperAt(UNKNOWN_MS)
  clock.advance(UNKNOWN_MS)
  await settled()
  expect(names()).toEqual(['a', 'b'])
  clock.advance(UNKNOWN_MS)
  await settled()
  expect(names()).toEqual(['a', 'b', 'c'])
})

test('a read of which the rest comes as soon as anything else would is left alone, until it stands still', async () => {
  void fetchTwo([undefined, 60_000, 60_000])
  const wait = async (): Promise<void> => {
    await clock.sleeperAt(UNKNOWN_MS)
    clock.advance(UNKNOWN_MS)
    await settled()
  }
  started[0]!.receive(2 * MIB)
  await wait()
  started[0]!.receive(3 * MIB)
  await wait()
  expect(names()).toEqual(['a', 'b'])
  await wait()
  expect(names()).toEqual(['a', 'b', 'c'])
})

test('a read that gets on too slowly is raced', async () => {
  void fetchTwo([undefined, 60_000, 60_000])
  started[0]!.receive(2 * MIB - 1)
  await clock.sleeperAt(UNKNOWN_MS)
  clock.advance(UNKNOWN_MS)
  await settled()
  expect(names()).toEqual(['a', 'b', 'c'])
})

test('nobody is raced before our line could have moved all that is under way and the race as well', async () => {
  lineMs = 3 * UNKNOWN_MS
  void fetchTwo([undefined, undefined, 60_000, 60_000])
  for (const expected of ['ab', 'ab', 'abcd']) {
    await clock.sleeperAt(UNKNOWN_MS)
    clock.advance(UNKNOWN_MS)
    await settled()
    expect(names().join('')).toBe(expected)
  }
})

test('a read that got slow is raced when its rest takes several times as long as the race, by how it got on lately', async () => {
  lineMs = UNKNOWN_MS
  void fetchTwo([undefined, 60_000, 10])
  for (const [bytes, expected] of [
    [2.2 * MIB, 'ab'],
    // The rest would take three times as long as the race,
    [2.7 * MIB, 'ab'],
    // and five times.
    [2.9 * MIB, 'abc'],
  ] as const) {
    started[0]!.receive(bytes)
    await clock.sleeperAt(UNKNOWN_MS)
    clock.advance(UNKNOWN_MS)
    await settled()
    expect(names().join('')).toBe(expected)
  }
})

test('over a full line nobody is raced before several times as long as the race would take', async () => {
  lineMs = UNKNOWN_MS
  isLineFull = true
  void fetchTwo([undefined, 60_000, 60_000])
  for (const expected of ['ab', 'ab', 'ab', 'abc']) {
    await clock.sleeperAt(UNKNOWN_MS)
    clock.advance(UNKNOWN_MS)
    await settled()
    expect(names().join('')).toBe(expected)
  }
})

test('nobody is raced while it is our own line that keeps all waiting', async () => {
  isHeld = true
  void fetchTwo([undefined, undefined, 10])
  for (let i = 0; i < 5; i++) {
    await clock.sleeperAt(UNKNOWN_MS)
    clock.advance(UNKNOWN_MS)
    await settled()
  }
  expect(names()).toEqual(['a', 'b'])
  isHeld = false
  clock.advance(UNKNOWN_MS)
  await settled()
  expect(names()).toEqual(['a', 'b', 'c'])
})

test('it ends when nobody is left, and when it is stopped', async () => {
  const all = fetchTwo([10, 10])
  started[0]!.bring()
  started[1]!.fail(new UnreachableError('gone'))
  expect(await all).toBeInstanceOf(UnreachableError)

  const stop = new AbortController()
  done = 0
  const stopped = fetchTwo([10, 10], stop.signal)
  stop.abort()
  await expect(stopped).rejects.toBeInstanceOf(CancelledError)
  await expect(fetchTwo([10, 10], stop.signal)).rejects.toBeInstanceOf(CancelledError)
})

test('what is no failure of a peer is thrown', async () => {
  const all = fetchTwo([10, 10, 10])
  started[0]!.fail(new TypeError('a bug'))
  await expect(all).rejects.toBeInstanceOf(TypeError)
})
