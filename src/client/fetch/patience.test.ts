import { beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../../../test/fixtures/manual-clock.ts'
import { UnreachableError } from '../../core/open/errors.ts'
import type { ProviderView } from '../../core/open/protocol/tracker-methods.ts'
import type { Client } from '../client.ts'
import type { PatienceOptions, Waiting } from './patience.ts'
import { ALONE_MS, Patience, PATIENCE_MS } from './patience.ts'

const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const all = [1, 2, 3].map(fill)
let clock: ManualClock
let goneMs: (number | undefined)[]
let isTrackerAway: boolean
let told: Waiting[]
beforeEach(() => {
  clock = new ManualClock()
  goneMs = [0, 0, 0]
  isTrackerAway = false
  told = []
})

function patience(options: PatienceOptions = {}): Patience {
  const list = () =>
    isTrackerAway
      ? Promise.reject(new UnreachableError('away'))
      : Promise.resolve(
          goneMs.map((reportedAgo, i) => ({ id: all[i], up: false, reportedAgo }) as ProviderView),
        )
  const providers = { list, nameOf: (id: Uint8Array) => `p${id[0]}` }
  const client = { clock, providers } as unknown as Client
  return new Patience(client, { onWaiting: (waiting) => told.push(waiting), ...options })
}

/** What a wait comes to, when a second passes. */
async function waits(on: Patience, lacking = 2): Promise<boolean> {
  const waiting = on.wait({ away: all, lacking })
  const first = await Promise.race([waiting, clock.sleeperAt(1_000)])
  if (first === false) return false
  clock.advance(1_000)
  return waiting
}

test('providers that were there a moment ago are waited for, and it says for whom and how long', async () => {
  expect(await waits(patience())).toBe(true)
  expect(told).toEqual([{ providers: ['p1', 'p2', 'p3'], leftMs: PATIENCE_MS }])
})

test('who has been gone for long, or was never there, is not, unless enough others are', async () => {
  goneMs = [0, PATIENCE_MS, undefined]
  expect(await waits(patience())).toBe(false)
  expect(await waits(patience(), 1)).toBe(true)
  expect(told.map(({ providers }) => providers)).toEqual([['p1']])
})

test('it gives up when nothing came for as long as it waits, and doesn’t wait for the same again', async () => {
  const on = patience()
  clock.advance(PATIENCE_MS - 1_000)
  expect(await waits(on)).toBe(true)
  expect(await waits(on)).toBe(false)
  on.gotOn()
  expect(await waits(on)).toBe(false)
})

test('whatever is read gives it new patience', async () => {
  const on = patience()
  clock.advance(PATIENCE_MS - 1_000)
  on.gotOn()
  clock.advance(2_000)
  expect(await waits(on)).toBe(true)
})

test('nobody is waited for with a wait of 0', async () => {
  expect(await waits(patience({ waitMs: 0 }))).toBe(false)
  isTrackerAway = true
  expect(await waits(patience({ waitMs: 0 }))).toBe(false)
})

test('while the tracker can’t be asked all are waited for, and not for long', async () => {
  isTrackerAway = true
  goneMs = []
  const on = patience()
  expect(await waits(on)).toBe(true)
  clock.advance(ALONE_MS - 2_000)
  expect(await waits(on)).toBe(true)
  expect(await waits(on)).toBe(false)
  on.gotOn()
  expect(await waits(on)).toBe(false)
})
