import { describe, expect, it } from 'vitest'
import { CancelledError, DeniedError, UnreachableError } from '../../core/open/errors.ts'
import { ManualClock } from './manual-clock.ts'
import type { Attempt } from './first-of.ts'
import { firstOf } from './first-of.ts'

interface Controlled extends Attempt<string> {
  readonly outcome: PromiseWithResolvers<string>
  signal: AbortSignal | undefined
}

function attempt(afterMs: number): Controlled {
  const outcome = Promise.withResolvers<string>()
  const made: Controlled = {
    afterMs,
    outcome,
    signal: undefined,
    run(signal) {
      made.signal = signal
      return outcome.promise
    },
  }
  return made
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('firstOf', () => {
  it('begins the second attempt late, takes the first success and ends the other', async () => {
    const clock = new ManualClock()
    const [a, b] = [attempt(0), attempt(500)]
    const result = firstOf([a, b], clock, new AbortController().signal)
    clock.advance(499)
    expect(b.signal).toBeUndefined()
    clock.advance(1)
    expect(b.signal?.aborted).toBe(false)
    b.outcome.resolve('b')
    expect(await result).toBe('b')
    expect(a.signal?.aborted).toBe(true)
    expect(b.signal?.aborted).toBe(false)
    a.outcome.reject(new UnreachableError('lost'))
    await turn()
  })

  it('begins the second at once when the first fails, and tells the first failure', async () => {
    const clock = new ManualClock()
    const [a, b] = [attempt(0), attempt(500)]
    const result = firstOf([a, b], clock, new AbortController().signal)
    a.outcome.reject(new UnreachableError('a'))
    await turn()
    expect(b.signal).toBeDefined()
    expect(clock.timers).toBe(0)
    b.outcome.reject(new UnreachableError('b'))
    await expect(result).rejects.toMatchObject({ message: 'a' })
  })

  it('does not go on after an answer that decides', async () => {
    const clock = new ManualClock()
    const [a, b] = [attempt(0), attempt(500)]
    const result = firstOf([a, b], clock, new AbortController().signal)
    a.outcome.reject(new DeniedError('no'))
    await expect(result).rejects.toBeInstanceOf(DeniedError)
    expect(b.signal).toBeUndefined()
    expect(clock.timers).toBe(0)
  })

  it('ends all when it is given up', async () => {
    const clock = new ManualClock()
    const [a, b] = [attempt(0), attempt(0)]
    const giveUp = new AbortController()
    const result = firstOf([a, b], clock, giveUp.signal)
    clock.advance(1)
    giveUp.abort(new CancelledError('enough'))
    await expect(result).rejects.toBeInstanceOf(CancelledError)
    expect([a.signal?.aborted, b.signal?.aborted]).toEqual([true, true])
    a.outcome.resolve('late')
    await turn()
  })
})
