import { describe, expect, it } from 'vitest'
import { parseTimetable } from '../../core/open/limits/timetable.ts'
import { LineLimits } from './line-limits.ts'
import { ManualClock } from './manual-clock.ts'

describe('limits of a line', () => {
  const up = parseTimetable('08:00,512KB/s 23:00,off')
  const outside = { remoteAddress: '192.0.2.7:1' }
  const lan = { remoteAddress: '192.168.1.7:1' }
  const self = { remoteAddress: '127.0.0.1:1' }

  it('hold for peers outside, and for those in the LAN and at relays as they should', () => {
    const limits = new LineLimits({ up: parseTimetable('1MB/s') })
    expect(limits.paceOf(outside).up.isLimited).toBe(true)
    expect(limits.paceOf(outside).down.isLimited).toBe(false)
    expect(limits.paceOf(lan).up.isLimited).toBe(false)
    expect(limits.paceOf({ ...lan, isRelayed: true }).up.isLimited).toBe(true)
    expect(limits.paceOf({ ...self, isRelayed: true }).up.isLimited).toBe(true)
    const all = new LineLimits({ up: parseTimetable('1MB/s'), lan: true })
    expect(all.paceOf(lan).up.isLimited).toBe(true)
    expect(all.paceOf(self).up.isLimited).toBe(false)
  })

  it('change with the time on the wall, and say until when they hold', () => {
    const clock = new ManualClock()
    let wall = new Date(2026, 10, 18, 22, 59, 30)
    const limits = new LineLimits({ up, clock, wall: () => wall })
    const { up: share } = limits.paceOf(outside)
    expect(limits.inForce()).toEqual({ up: { rate: 512_000, until: new Date(2026, 10, 18, 23, 0) } })
    expect(share.isLimited).toBe(true)
    let moved = 0
    share.spend(10_000_000)
    share.ask(1000, () => moved++)
    wall = new Date(2026, 10, 18, 23, 0)
    clock.advance(2000)
    expect(moved).toBe(1)
    expect(share.isLimited).toBe(false)
    expect(limits.inForce()).toEqual({})
  })

  it('say what is held', () => {
    const clock = new ManualClock()
    const limits = new LineLimits({
      up,
      down: parseTimetable('1MB/s'),
      clock,
      wall: () => new Date(2026, 0, 1, 12),
    })
    expect(limits.held).toEqual({ up: false, down: false })
    limits.spend(0, 2_000_000)
    expect(limits.held).toEqual({ up: false, down: true })
    expect([limits.owes(1), limits.owes(2)]).toEqual([true, false])
  })
})
