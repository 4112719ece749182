import { expect, test } from 'vitest'
import { ManualClock } from '../../test/fixtures/manual-clock.ts'
import { Activity } from './activity.ts'

const never = new AbortController().signal
const message = { head: new Uint8Array(0), body: new Uint8Array(0) }

test('what can wait waits until nobody was served for a while, but not for ever', async () => {
  const clock = new ManualClock()
  const activity = new Activity(clock)
  await activity.quiet(1_000, 5_000, never)
  const { promise, resolve } = Promise.withResolvers<typeof message>()
  const route = activity.watch({ id: 1, serve: () => promise })
  const served = route.serve({} as never)
  let isQuiet = false
  const waiting = activity.quiet(1_000, 5_000, never).then(() => (isQuiet = true))
  await clock.sleeperAt(1_000)
  clock.advance(1_000)
  await clock.sleeperAt(1_000)
  resolve(message)
  expect(await served).toBe(message)
  clock.advance(500)
  expect(isQuiet).toBe(false)
  clock.advance(500)
  await waiting

  // Somebody who never ends.
  void activity.watch({ id: 1, serve: () => new Promise(() => undefined) }).serve({} as never)
  const patient = activity.quiet(1_000, 2_500, never)
  for (const ms of [1_000, 1_000, 500]) {
    await clock.sleeperAt(ms)
    clock.advance(ms)
  }
  await patient
})
