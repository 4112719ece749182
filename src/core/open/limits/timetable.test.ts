import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limitAt, minuteOfWeek } from './limit-at.ts'
import { MIN_LINE_RATE, parseLineRate } from './parse-line-rate.ts'
import { MINUTES_OF_DAY, MINUTES_OF_WEEK, parseTimetable } from './timetable.ts'

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const numRuns = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)

describe('rates', () => {
  it.each([
    ['2MB/s', 2_000_000],
    ['512KiB/s', 524_288],
    ['512KB', 512_000],
    ['1.5 MB / s', 1_500_000],
    ['16Mbit/s', 2_000_000],
    ['600kbit/s', 75_000],
    ['1gbit', 125_000_000],
    ['65536', MIN_LINE_RATE],
  ])('reads %s', (text, rate) => {
    expect(parseLineRate(text)).toBe(rate)
  })

  it.each([
    ['', 'is no rate'],
    ['fast', 'is no rate'],
    ['-1MB/s', 'is no rate'],
    ['2MB/min', 'is no rate'],
    ['16Mb/s', 'bits or bytes'],
    ['16mbps', 'bits or bytes'],
    ['63KiB/s', 'smallest limit'],
    ['0', 'is no rate'],
    ['100kbit/s', 'smallest limit'],
  ])('refuses %j and says how it is right', (text, why) => {
    expect(() => parseLineRate(text)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(why) }),
    )
  })
})

describe('timetables', () => {
  it('reads one limit, which always holds', () => {
    expect(limitAt(parseTimetable('2MB/s'), 1234)).toEqual({ rate: 2_000_000 })
    expect(limitAt(parseTimetable(' off '), 1234)).toEqual({ rate: undefined })
  })

  it('changes each day at the times that are named, also over midnight', () => {
    const table = parseTimetable('08:00,512KB/s 23:00,off')
    const day = 8 * 60
    expect(limitAt(table, 0)).toEqual({ rate: undefined, changesIn: day })
    expect(limitAt(table, day - 1)).toEqual({ rate: undefined, changesIn: 1 })
    expect(limitAt(table, day)).toEqual({ rate: 512_000, changesIn: 15 * 60 })
    expect(limitAt(table, MINUTES_OF_WEEK - 1)).toEqual({ rate: undefined, changesIn: day + 1 })
  })

  it('lets a weekday differ from all days', () => {
    const table = parseTimetable('08:00,512KB/s 23:00,off Sat-08:00,off sunday-08:00,off')
    const saturday = 5 * MINUTES_OF_DAY
    expect(limitAt(table, saturday + 12 * 60)).toEqual({
      rate: undefined,
      changesIn: MINUTES_OF_WEEK - saturday - 12 * 60 + 8 * 60,
    })
    expect(limitAt(table, saturday - 12 * 60)).toEqual({ rate: 512_000, changesIn: 11 * 60 })
  })

  it('tells of no change to the same limit', () => {
    expect(limitAt(parseTimetable('08:00,1MB/s 20:00,1MB/s'), 0)).toEqual({ rate: 1_000_000 })
  })

  it.each([
    '',
    '08:00',
    '08:00,',
    '24:00,off',
    '08:60,off',
    'Fun-08:00,off',
    '08:00,off 08:00,1MB/s',
    '08:00,off 2MB/s',
    '08:00,16Mb/s',
    'on',
  ])('refuses %j with an example', (text) => {
    expect(() => parseTimetable(text)).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  it('counts minutes by the local clock', () => {
    expect(minuteOfWeek(new Date(2026, 10, 16, 0, 0))).toBe(0)
    expect(minuteOfWeek(new Date(2026, 10, 22, 23, 59))).toBe(MINUTES_OF_WEEK - 1)
  })

  it('holds in every minute what was named last before it, as by looking back minute by minute', () => {
    const entry = fc.record({
      day: fc.option(fc.nat(6), { nil: undefined }),
      minute: fc.nat(MINUTES_OF_DAY - 1),
      rate: fc.option(fc.integer({ min: MIN_LINE_RATE, max: MIN_LINE_RATE + 3 }), { nil: undefined }),
    })
    const entries = fc.uniqueArray(entry, {
      minLength: 1,
      maxLength: 8,
      selector: ({ day, minute }) => `${day} ${minute}`,
    })
    fc.assert(
      fc.property(entries, fc.nat(MINUTES_OF_WEEK - 1), (list, at) => {
        const text = list.map(({ day, minute, rate }) => {
          const time = [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0'))
          return `${day === undefined ? '' : `${DAYS[day]}-`}${time.join(':')},${rate ?? 'off'}`
        })
        const table = parseTimetable(text.join(' '))
        const named = (minute: number) => {
          const here = list.filter((one) => one.minute === minute % MINUTES_OF_DAY)
          return (
            here.find(({ day }) => day === Math.floor(minute / MINUTES_OF_DAY)) ??
            here.find(({ day }) => day === undefined)
          )
        }
        let back = 0
        while (named((at - back + MINUTES_OF_WEEK) % MINUTES_OF_WEEK) === undefined) back++
        const { rate, changesIn } = limitAt(table, at)
        expect(rate).toBe(named((at - back + MINUTES_OF_WEEK) % MINUTES_OF_WEEK)?.rate)
        if (changesIn === undefined) return
        expect(changesIn).toBeGreaterThan(0)
        expect(limitAt(table, (at + changesIn) % MINUTES_OF_WEEK).rate).not.toBe(rate)
        expect(limitAt(table, (at + changesIn - 1) % MINUTES_OF_WEEK).rate).toBe(rate)
      }),
      { numRuns: 500 },
    )
  })

  it('fuzz: any text is a timetable that covers the week, or a wrong use', () => {
    const words = fc.constantFrom('08:00', ',', 'off', ' ', 'Mon-', '1MB/s', '23:59', '16Mbit/s', 'x', '99')
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string({ maxLength: 3 })), { maxLength: 12 }), (parts) => {
        let table
        try {
          table = parseTimetable(parts.join(''))
        } catch (error) {
          expect(error).toMatchObject({ code: 'usage' })
          return
        }
        expect(table.length).toBeGreaterThan(0)
        for (const { minute } of table) expect(minute >= 0 && minute < MINUTES_OF_WEEK).toBe(true)
      }),
      { numRuns },
    )
  })
})
