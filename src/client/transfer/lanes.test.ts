import { beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../../../test/fixtures/manual-clock.ts'
import type { AllmendError } from '../../core/open/errors.ts'
import { BusyError } from '../../core/open/errors.ts'
import type { Connection } from '../../ports/transport.ts'
import type { Flow } from './flow.ts'
import { Lanes } from './lanes.ts'
import type { Taken } from './lanes.ts'
import { MAX_LANES, WINDOW_BYTES } from './lane-growth.ts'
import { Pace } from './pace.ts'

const MIB = 1024 * 1024

class Wire {
  retiring = false
  readonly #closed = Promise.withResolvers<AllmendError | undefined>()
  readonly closed = this.#closed.promise
  isClosed = false
  close(): Promise<void> {
    this.isClosed = true
    this.#closed.resolve(undefined)
    return Promise.resolve()
  }
}

let clock: ManualClock
let wires: Wire[]
let refuse: boolean
let rate: number
let lanes: Lanes
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const flow = {
  get rate() {
    return rate
  },
} as Flow

/** A peer with this round trip. */
function peer(roundTripMs: number): void {
  clock = new ManualClock()
  wires = []
  refuse = false
  rate = 40e6
  lanes = new Lanes(
    () => {
      if (refuse) return Promise.reject(new BusyError('too many connections'))
      const wire = new Wire()
      wires.push(wire)
      return Promise.resolve(wire as unknown as Connection)
    },
    clock,
    new Pace(() => clock.monotonic(), { roundTripMs }),
  )
}

/** Shards that are asked for at once. */
async function take(count: number): Promise<Taken[]> {
  const taken: Taken[] = []
  for (let i = 0; i < count; i++) {
    taken.push(await lanes.take(4 * MIB, flow))
    await settled()
  }
  return taken
}

beforeEach(() => peer(100))

test('what is large gets a connection of its own to a far peer, and leaves the first one to what is small', async () => {
  const [first, second, third] = await take(3)
  expect(wires.length).toBe(2)
  expect(second!.connection).toBe(wires[1])
  expect(third!.connection).toBe(wires[1])
  first!.done()
  const small = await lanes.take(0)
  expect(small.connection).toBe(first!.connection)
})

test('a near peer, and one with little under way, has one', async () => {
  await lanes.take(64 * 1024, flow)
  await settled()
  expect(wires.length).toBe(1)
  peer(2)
  await take(8)
  expect(wires.length).toBe(1)
})

test('there is another when more is under way than a window holds, and not more than the most', async () => {
  await take(4)
  expect(wires.length).toBe(2)
  // Slow start is over.
  clock.advance(4_000)
  const [, next] = await take(2)
  expect(wires.length).toBe(3)
  expect(next!.connection).toBe(wires[2])
  clock.advance(4_000)
  rate *= 1.9
  await take(20)
  expect(wires.length).toBe(MAX_LANES)
})

test('one more that brought nothing is not tried again soon', async () => {
  await take(4)
  clock.advance(4_000)
  await take(2)
  expect(wires.length).toBe(3)
  await wires[2]!.close()
  clock.advance(60_000)
  await take(2)
  clock.advance(4_000)
  await take(20)
  expect(wires.length).toBe(3)
})

test('a peer that has no more for us keeps what there is', async () => {
  refuse = false
  await lanes.take(0)
  refuse = true
  await take(5)
  refuse = false
  await take(5)
  expect(wires.length).toBe(1)
  expect(lanes.count).toBe(1)
})

test('what requests stand on is shown on all connections ahead of them', async () => {
  await take(2)
  const shown: unknown[] = []
  await lanes.prepare((connection) => Promise.resolve(shown.push(connection)))
  expect(new Set(shown)).toEqual(new Set(wires))
})

test('one that idles is closed, the last is kept; one that broke or retires is used no more', async () => {
  const taken = await take(3)
  for (const { done } of taken) done()
  await clock.sleeperAt(10_000)
  clock.advance(10_000)
  await settled()
  expect(wires.map(({ isClosed }) => isClosed).filter((is) => !is).length).toBe(1)
  const left = wires.find(({ isClosed }) => !isClosed)!
  left.retiring = true
  const next = await lanes.take(0)
  expect(next.connection).not.toBe(left)
  await wires.at(-1)!.close()
  await settled()
  expect(lanes.count).toBe(0)
  await lanes.take(WINDOW_BYTES)
  expect(lanes.count).toBe(1)
  await lanes.close()
  expect(wires.at(-1)!.isClosed).toBe(true)
  await expect(lanes.take(0)).rejects.toThrow('closed')
})
