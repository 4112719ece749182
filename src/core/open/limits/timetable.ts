/**
 * When which rate holds, in minutes of the week by the clock on the wall: so the change to summer time needs no rule of its own.
 *
 *     timetable = limit / entry *( " " entry )
 *     entry     = [ weekday "-" ] hh ":" mm "," limit     ; without a weekday: each day
 *     limit     = rate / "off"
 */
import { UsageError } from '../errors.ts'
import { parseLineRate } from './parse-line-rate.ts'

export const MINUTES_OF_DAY = 24 * 60
export const MINUTES_OF_WEEK = 7 * MINUTES_OF_DAY
/** More than one an hour for each day of a week is a mistake. */
const MAX_ENTRIES = 7 * 24
const MAX_TEXT = 4096
const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']
const EXAMPLE = 'write one limit, like 2MB/s, 16Mbit/s or off, or a timetable like "08:00,512KB/s 23:00,off"'

/** From this minute on (0 is Monday, 00:00) so many bytes a second, until the next change. */
export interface LimitChange {
  readonly minute: number
  /** No limit where undefined. */
  readonly rate: number | undefined
}

/** By minute, ascending; never empty. The last of a week holds until the first of the next. */
export type Timetable = readonly LimitChange[]

/** Reads one limit or a timetable; throws UsageError that says what is wrong with an example of how it is right. */
export function parseTimetable(text: string): Timetable {
  const words = text.trim().split(/\s+/)
  if (text.length > MAX_TEXT || words.length > MAX_ENTRIES)
    throw new UsageError(`a timetable has at most ${MAX_ENTRIES} entries`)
  if (!text.includes(',')) return [{ minute: 0, rate: parseLimit(text) }]
  const daily = new Map<number, number | undefined>()
  const weekly = new Map<number, number | undefined>()
  for (const word of words) {
    const { day, minute, rate } = parseEntry(word)
    const table = day === undefined ? daily : weekly
    const at = (day ?? 0) * MINUTES_OF_DAY + minute
    if (table.has(at))
      throw new UsageError(`${JSON.stringify(word)} stands for a time that has its limit already`)
    table.set(at, rate)
  }
  const changes = new Map<number, number | undefined>()
  for (const [minute, rate] of daily)
    for (let day = 0; day < DAYS.length; day++) changes.set(day * MINUTES_OF_DAY + minute, rate)
  // What is said for one day holds there before what is said for all.
  for (const [minute, rate] of weekly) changes.set(minute, rate)
  return [...changes].map(([minute, rate]) => ({ minute, rate })).sort((a, b) => a.minute - b.minute)
}

function parseEntry(word: string): { day?: number; minute: number; rate: number | undefined } {
  const [, name, hours, minutes, limit] = /^(?:([a-z]{3,})-)?(\d{1,2}):(\d{2}),(.+)$/i.exec(word) ?? []
  const day = name === undefined ? undefined : DAYS.findIndex((known) => known.startsWith(name.toLowerCase()))
  const minute = Number(hours) * 60 + Number(minutes)
  const isTime = Number(hours) < 24 && Number(minutes) < 60
  if (limit === undefined || day === -1 || !isTime)
    throw new UsageError(`${JSON.stringify(word)} is no entry of a timetable: ${EXAMPLE}`)
  return { ...(day === undefined ? {} : { day }), minute, rate: parseLimit(limit) }
}

function parseLimit(text: string): number | undefined {
  const limit = text.trim()
  if (limit === '') throw new UsageError(`a limit is missing: ${EXAMPLE}`)
  return limit.toLowerCase() === 'off' ? undefined : parseLineRate(limit)
}
