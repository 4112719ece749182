import { expect, test } from 'vitest'
import { orderedAhead, Semaphore } from './concurrency.ts'

test('results come in order, with no more than the allowed number under way', async () => {
  let running = 0
  let most = 0
  const gates = Array.from({ length: 20 }, () => Promise.withResolvers<void>())
  const work = async (i: number) => {
    running++
    most = Math.max(most, running)
    // Each waits until three more have begun; the last three have nothing to wait for.
    gates[i - 3]?.resolve()
    if (i >= gates.length - 3) gates[i]!.resolve()
    await gates[i]!.promise
    running--
    return i
  }
  const seen: number[] = []
  for await (const i of orderedAhead(gates.keys(), 4, work)) seen.push(i)
  expect(seen).toEqual([...gates.keys()])
  expect(most).toBe(4)
})

test('a failure is thrown at its place and nothing is left unhandled', async () => {
  const seen: number[] = []
  const all = orderedAhead([1, 2, 3, 4, 5], 3, (i) =>
    i === 3 ? Promise.reject(new Error('third')) : Promise.resolve(i),
  )
  await expect(
    (async () => {
      for await (const i of all) seen.push(i)
    })(),
  ).rejects.toThrow('third')
  expect(seen).toEqual([1, 2])
})

test('a semaphore lets its number in and wakes the waiting in order', async () => {
  const semaphore = new Semaphore(2)
  const order: number[] = []
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
  const all = gates.map((gate, i) =>
    semaphore.with(async () => {
      order.push(i)
      await gate.promise
    }),
  )
  await Promise.resolve()
  expect(order).toEqual([0, 1])
  for (const gate of gates) gate.resolve()
  await Promise.all(all)
  expect(order).toEqual([0, 1, 2, 3])
})
