import { describe, expect, it } from 'vitest'
import { parseTimetable } from '../../../core/open/limits/timetable.ts'
import { LineLimits } from '../../../adapters/wire/line-limits.ts'
import { limitsPlain, limitText } from './limit-text.ts'

describe('what limits hold', () => {
  const now = new Date(2026, 10, 18, 12, 30)
  const wall = () => now

  it('is told with the time until which it does', () => {
    const line = new LineLimits({
      up: parseTimetable('08:00,512KB/s 23:00,off'),
      down: parseTimetable('Mon-00:00,2MB/s Sat-00:00,off'),
      wall,
    })
    expect(limitText(line, now)).toBe(
      '512 kB/s up until 23:00, 2.00 MB/s down until Saturday 00:00, beyond the local network',
    )
    expect(limitsPlain(line)).toEqual({
      up: { bytesPerSecond: 512_000, until: new Date(2026, 10, 18, 23).toISOString() },
      down: { bytesPerSecond: 2_000_000, until: new Date(2026, 10, 21).toISOString() },
    })
  })

  it('is told without one where it always does, and not at all where none does', () => {
    const always = new LineLimits({ up: parseTimetable('16Mbit/s'), lan: true, wall })
    expect(limitText(always, now)).toBe('2.00 MB/s up')
    expect(limitText(new LineLimits({ up: parseTimetable('off'), wall }), now)).toBeUndefined()
    expect(limitText(undefined, now)).toBeUndefined()
    expect(limitsPlain(undefined)).toEqual({})
  })
})
