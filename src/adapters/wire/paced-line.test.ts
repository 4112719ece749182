import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from './manual-clock.ts'
import { PacedLine } from './paced-line.ts'
import { TokenBucket } from './token-bucket.ts'

const RATE = 64 * 1024

/** What was moved when; ms and bytes. */
type Moved = readonly (readonly [at: number, bytes: number])[]

/** The most that was moved in any window of so many ms. */
function mostWithin(moved: Moved, ms: number): number {
  let most = 0
  for (const [from] of moved)
    most = Math.max(
      most,
      moved.filter(([at]) => at >= from && at < from + ms).reduce((sum, [, bytes]) => sum + bytes, 0),
    )
  return most
}

describe('a paced line', () => {
  it('never moves more than rate and burst in any window, and all that waits in the end', () => {
    const asks = fc.array(
      fc.record({
        share: fc.nat(3),
        bytes: fc.integer({ min: 0, max: 64 * 1024 }),
        after: fc.nat(500),
        how: fc.constantFrom('ask' as const, 'askSoon' as const, 'spend' as const),
      }),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(asks, fc.constantFrom(RATE, 10 * RATE, 1000 * RATE), (list, rate) => {
        const clock = new ManualClock()
        const line = new PacedLine(clock, () => rate)
        const shares = [0, 1, 2, 3].map(() => line.share())
        const asked: [number, number][] = []
        let waiting = 0
        for (const { share, bytes, after, how } of list) {
          clock.advance(after)
          if (how === 'spend') shares[share]!.spend(bytes)
          else {
            waiting++
            shares[share]![how](bytes, () => {
              waiting--
              if (how === 'ask') asked.push([clock.now(), bytes])
            })
          }
        }
        clock.advance(3_600_000)
        expect(waiting).toBe(0)
        expect(clock.timers).toBe(0)
        for (const ms of [1, 100, 1000, 10_000])
          expect(mostWithin(asked, ms)).toBeLessThanOrEqual(
            (rate * ms) / 1000 + TokenBucket.burst(rate) + 64 * 1024,
          )
      }),
      { numRuns: 300 },
    )
  })

  it('moves what it may: ten seconds at the rate, to a hundredth', () => {
    const clock = new ManualClock()
    const line = new PacedLine(clock, () => RATE)
    const share = line.share()
    let moved = 0
    const more = (): void => {
      moved += share.slice
      share.ask(share.slice, more)
    }
    share.ask(share.slice, more)
    moved = 0
    clock.advance(10_000)
    expect(Math.abs(moved / (10 * RATE) - 1)).toBeLessThan(0.03)
  })

  it('shares the line by bytes, whatever each asks for', () => {
    const clock = new ManualClock()
    const line = new PacedLine(clock, () => RATE)
    const moved = [0, 0, 0]
    for (const [i, size] of [64 * 1024, 8 * 1024, 1000].entries()) {
      const share = line.share()
      const more = (): void => {
        moved[i]! += size
        share.ask(size, more)
      }
      share.ask(size, more)
    }
    clock.advance(60_000)
    for (const bytes of moved) expect(Math.abs(bytes - 20 * RATE)).toBeLessThanOrEqual(2 * 64 * 1024)
  })

  it('gives who was idle no more than the others from then on', () => {
    const clock = new ManualClock()
    const line = new PacedLine(clock, () => RATE)
    const [busy, late] = [line.share(), line.share()]
    const moved = { busy: 0, late: 0 }
    const run = (share: typeof busy, name: 'busy' | 'late'): void => {
      share.ask(8192, () => {
        moved[name] += 8192
        run(share, name)
      })
    }
    run(busy, 'busy')
    clock.advance(60_000)
    moved.busy = 0
    run(late, 'late')
    clock.advance(10_000)
    expect(Math.abs(moved.busy - moved.late)).toBeLessThanOrEqual(2 * 8192)
  })

  it('lets small messages go at once until a second of the line is owed, then in their turn', () => {
    const clock = new ManualClock()
    const line = new PacedLine(clock, () => RATE)
    const share = line.share()
    share.spend(TokenBucket.burst(RATE))
    let sent = 0
    for (let i = 0; i < 20; i++) share.askSoon(8192, () => sent++)
    expect(sent).toBe(9)
    expect(line.isHeld).toBe(true)
    clock.advance(1000)
    expect(sent).toBe(9)
    clock.advance(2000)
    expect(sent).toBe(20)
    clock.advance(1000)
    expect(line.isHeld).toBe(false)
  })

  it('serves all at once when the limit ends, and counts anew when it begins', () => {
    const clock = new ManualClock()
    let rate: number | undefined = RATE
    const line = new PacedLine(clock, () => rate)
    const share = line.share()
    let moved = 0
    for (let i = 0; i < 100; i++) share.ask(65_536, () => moved++)
    clock.advance(3000)
    expect(moved).toBeLessThan(5)
    rate = undefined
    clock.advance(1000)
    expect(moved).toBe(100)
    rate = RATE
    share.ask(8192, () => moved++)
    expect(moved).toBe(101)
  })

  it('forgets what is taken back or closed', () => {
    const clock = new ManualClock()
    const line = new PacedLine(clock, () => RATE)
    const [share, other] = [line.share(), line.share()]
    share.spend(10 * RATE)
    const seen: string[] = []
    const takeBack = share.ask(1, () => seen.push('taken back'))
    share.ask(1, () => seen.push('kept'))
    other.ask(1, () => seen.push('closed'))
    takeBack()
    other.close()
    clock.advance(20_000)
    expect(seen).toEqual(['kept'])
    expect(clock.timers).toBe(0)
  })
})
