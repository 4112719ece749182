import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Flow } from './flow.ts'
import type { Turn } from './send-queue.ts'
import { SendQueue } from './send-queue.ts'

const MIB = 1024 * 1024
const never = new AbortController().signal
const line = (rate?: number, roundTripMs?: number) => ({ roundTripMs, up: { rate } as Flow })

/** Lets all that can go on go on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Bodies that want their turn at once; their turns as they come. */
function enterAll(queue: SendQueue, lengths: readonly number[], onMoved = () => {}, signal = never): Turn[] {
  const turns: Turn[] = []
  for (const length of lengths) void queue.enter(length, onMoved, signal).then((turn) => turns.push(turn))
  return turns
}

test('one shard after the other, the next one when the last bytes of the one before are left', async () => {
  const turns = enterAll(new SendQueue(line()), [4 * MIB, 4 * MIB, 4 * MIB])
  await settled()
  expect(turns.length).toBe(1)
  turns[0]!.sent(2.9 * MIB)
  await settled()
  expect(turns.length).toBe(1)
  turns[0]!.sent(3.1 * MIB)
  await settled()
  expect(turns.length).toBe(2)
  turns[0]!.end()
  await settled()
  expect(turns.length).toBe(2)
  turns[1]!.end()
  await settled()
  expect(turns.length).toBe(3)
})

test('a line that holds much is kept full', async () => {
  // 40 MB a second with 100 ms: 4 MB are on the way.
  const turns = enterAll(new SendQueue(line(40e6, 100)), [4 * MIB, 4 * MIB, 4 * MIB])
  await settled()
  expect(turns.length).toBe(2)
})

test('who waits, or is sent and not acknowledged, learns that others get on; and has a turn when it is stopped', async () => {
  const queue = new SendQueue(line())
  const stop = new AbortController()
  let moved = 0
  const turns = enterAll(queue, [4 * MIB, 4 * MIB], () => moved++, stop.signal)
  await settled()
  turns[0]!.moved()
  expect(moved).toBe(1)
  stop.abort()
  await settled()
  expect(turns.length).toBe(2)
  turns[1]!.moved()
  expect(moved).toBe(2)
  turns[0]!.end()
  turns[1]!.moved()
  expect(moved).toBe(2)
})

test('all have their turn in their order, whatever becomes of those before', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ length: fc.nat(8 * MIB), sent: fc.double({ min: 0, max: 1, noNaN: true }) }), {
        maxLength: 20,
      }),
      async (bodies) => {
        const queue = new SendQueue(line())
        const order: number[] = []
        await Promise.all(
          bodies.map(async ({ length, sent }, i) => {
            const turn = await queue.enter(length, () => {}, never)
            order.push(i)
            await settled()
            turn.sent(Math.floor(length * sent))
            await settled()
            turn.end()
          }),
        )
        expect(order).toEqual([...bodies.keys()])
        // Nothing is left of them.
        const turns = enterAll(queue, [MIB, MIB, MIB])
        await settled()
        expect(turns.length).toBe(2)
      },
    ),
    { numRuns: 50 },
  )
})
