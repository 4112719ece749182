import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../wire/manual-clock.ts'
import { RelayQuota } from './relay-quota.ts'

const limits = { connections: 2, bytesPerSecond: 1000, bytesPerDay: 100_000 }
const SECOND = 1000
const HOUR = 60 * 60 * SECOND

let clock: ManualClock
let quota: RelayQuota
beforeEach(() => {
  clock = new ManualClock()
  quota = new RelayQuota(limits, clock)
})

describe('RelayQuota', () => {
  it('lets a key have so many connections, and others theirs', () => {
    expect([quota.open('a'), quota.open('a')]).toEqual([undefined, undefined])
    expect(quota.open('a')).toMatchObject({ code: 'busy', facts: { relayQuota: 'connections' } })
    expect(quota.open('b')).toBeUndefined()
    quota.close('a')
    expect(quota.open('a')).toBeUndefined()
  })

  it('refuses who has passed on more than a minute’s bytes, until they have come back', () => {
    quota.open('a')
    quota.spend('a', 60_000)
    expect(quota.refusal('a')).toBeUndefined()
    quota.spend('a', 5000)
    expect(quota.refusal('a')).toMatchObject({
      message: expect.stringContaining('0.0 MB a second') as string,
      facts: { relayQuota: 'rate', seconds: 10 },
    })
    expect(quota.open('a')).toMatchObject({ code: 'busy' })
    clock.advance(6 * SECOND)
    // All that is left by now would be used up in a second.
    expect(quota.refusal('a')).toMatchObject({ code: 'busy' })
    clock.advance(10 * SECOND)
    expect(quota.refusal('a')).toBeUndefined()
    expect(quota.refusal('b')).toBeUndefined()
  })

  it('refuses who has passed on a day’s bytes', () => {
    quota.open('a')
    for (let i = 0; i < 101; i++) {
      quota.spend('a', 1000)
      clock.advance(SECOND)
    }
    expect(quota.refusal('a')).toMatchObject({ facts: { relayQuota: 'day' } })
    clock.advance(HOUR)
    expect(quota.refusal('a')).toBeUndefined()
    quota.spend('a', 10_000)
    expect(quota.refusal('a')).toMatchObject({ facts: { relayQuota: 'day' } })
  })

  it('forgets whom it has to keep nothing of', () => {
    quota.open('a')
    quota.spend('a', 1000)
    quota.sweep()
    quota.close('a')
    quota.sweep()
    expect(quota.size).toBe(1)
    clock.advance(HOUR)
    quota.sweep()
    expect(quota.size).toBe(0)
  })

  it('passes on no more than a minute’s bytes, what comes back in the time, and what came between two looks', () => {
    const step = fc.record({
      ms: fc.integer({ min: 1, max: 5000 }),
      bytes: fc.integer({ min: 0, max: 9000 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const clock = new ManualClock()
        const quota = new RelayQuota({ ...limits, bytesPerDay: 1e12 }, clock)
        quota.open('a')
        let passed = 0
        for (const { ms, bytes } of steps) {
          clock.advance(ms)
          if (quota.refusal('a') !== undefined) continue
          quota.spend('a', bytes)
          passed += bytes
        }
        expect(passed).toBeLessThanOrEqual(60_000 + clock.now() + 9000)
      }),
    )
  })
})
