import type { Timetable } from './timetable.ts'
import { MINUTES_OF_DAY, MINUTES_OF_WEEK } from './timetable.ts'

/** The limit that is in force. */
export interface CurrentLimit {
  /** Bytes a second; no limit where undefined. */
  readonly rate: number | undefined
  /** Minutes until another one is; undefined where that never happens. */
  readonly changesIn?: number
}

/** What holds in this minute of the week, 0 (Monday, 00:00) to 10,079. */
export function limitAt(timetable: Timetable, minute: number): CurrentLimit {
  const holding = timetable.findLastIndex((change) => change.minute <= minute)
  // Before a week's first change its last one of the week before holds.
  const now = holding === -1 ? timetable.length - 1 : holding
  const rate = timetable[now]?.rate
  for (let step = 1; step < timetable.length; step++) {
    const next = timetable[(now + step) % timetable.length]!
    if (next.rate === rate) continue
    return { rate, changesIn: (next.minute - minute + MINUTES_OF_WEEK) % MINUTES_OF_WEEK }
  }
  return { rate }
}

/** A time's minute of the week by its local clock. */
export function minuteOfWeek(time: Pick<Date, 'getDay' | 'getHours' | 'getMinutes'>): number {
  const day = (time.getDay() + 6) % 7
  return day * MINUTES_OF_DAY + time.getHours() * 60 + time.getMinutes()
}
