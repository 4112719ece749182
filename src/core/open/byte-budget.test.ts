import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Reservation } from './byte-budget.ts'
import { ByteBudget } from './byte-budget.ts'

describe('ByteBudget', () => {
  it('grants in order, and what is too large only while nothing else is granted', () => {
    const budget = new ByteBudget(10)
    const log: string[] = []
    const a = budget.reserve(6, () => log.push('a'))
    const b = budget.reserve(25, () => log.push('b'))
    const c = budget.reserve(1, () => log.push('c'))
    expect(log).toEqual(['a'])
    expect(budget.tryReserve(1)).toBeUndefined()
    a.release()
    expect(log).toEqual(['a', 'b'])
    b.release()
    b.release()
    expect(log).toEqual(['a', 'b', 'c'])
    expect(budget.used).toBe(1)
    c.resize(9)
    expect(budget.used).toBe(9)
    expect(budget.tryReserve(2)).toBeUndefined()
    c.resize(8)
    budget.tryReserve(2)?.release()
    c.release()
    expect(budget.idle).toBe(true)
  })

  it('takes from its parent too, whose other children wait', () => {
    const parent = new ByteBudget(10)
    const [left, right] = [new ByteBudget(8, parent), new ByteBudget(8, parent)]
    const first = left.reserve(8, () => {})
    let granted = false
    const second = right.reserve(8, () => {
      granted = true
    })
    expect([granted, right.used, parent.used]).toEqual([false, 8, 8])
    first.release()
    expect(granted).toBe(true)
    second.release()
    expect([left.idle, right.idle, parent.idle]).toEqual([true, true, true])
  })

  it('fuzz: never exceeds the limit by more than one reservation alone, loses nothing, grants all in the end', () => {
    const step = fc.oneof(
      fc.record({ child: fc.nat(2), bytes: fc.nat(14) }),
      fc.record({ release: fc.nat(20) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const parent = new ByteBudget(10)
        const children = [new ByteBudget(6, parent), new ByteBudget(8, parent), new ByteBudget(10, parent)]
        const live: Reservation[] = []
        const check = (): void => {
          for (const budget of [parent, ...children]) {
            const granted = live.filter((r) => r.granted && r.bytes > 0).length
            expect(budget.used <= budget.limit || granted <= 1 || budget !== parent).toBe(true)
          }
          const held = live.filter((r) => r.granted).reduce((sum, r) => sum + r.bytes, 0)
          expect(parent.used).toBe(held)
        }
        for (const action of steps) {
          if ('child' in action) live.push(children[action.child]!.reserve(action.bytes, () => {}))
          else if (live.length > 0) live.splice(action.release % live.length, 1)[0]?.release()
          check()
        }
        while (live.length > 0) {
          const at = live.findIndex((r) => r.granted)
          expect(at).toBeGreaterThanOrEqual(0)
          live.splice(at, 1)[0]?.release()
        }
        expect([parent, ...children].every((budget) => budget.idle)).toBe(true)
      }),
      { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
    )
  })
})
