import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { orAborted } from './aborted.ts'

const never = new Promise<void>(() => {})

test('waits for the work or for the end of the signal, whichever is first', async () => {
  const stop = new AbortController()
  await orAborted(Promise.resolve(), stop.signal)
  const waiting = orAborted(never, stop.signal)
  stop.abort()
  await waiting
  await orAborted(never, stop.signal)
})

test('work that fails is told', async () => {
  const { signal } = new AbortController()
  await expect(orAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('a signal that lives as long as the process keeps nothing of a thousand waits', async () => {
  const { signal } = new AbortController()
  for (let i = 0; i < 1_000; i++) await orAborted(Promise.resolve(), signal)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
