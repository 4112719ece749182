/**
 * Nothing leaks while everything comes and goes. Some seconds of it by default; `ALLMEND_CHURN_MINUTES` says how long,
 * `ALLMEND_CHURN_RATE` how many times as much should happen in a minute; how much did is counted by events, as a busy machine does less.
 * A run of LONG_HOURS, or of as many events, holds memory against a slope for an hour's worth of them.
 */
import { appendFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ChurnReport, Sample } from '../network/churn/churn.ts'
import { churn, SOCKETS_MAY_DIFFER } from '../network/churn/churn.ts'
import { slopePerHour } from '../network/churn/usage.ts'
import { Lab, labMissing } from '../network/lab.ts'

const minutes = Number(process.env['ALLMEND_CHURN_MINUTES'] ?? 0.1)
const rate = Number(process.env['ALLMEND_CHURN_RATE'] ?? 1)
/** Where a long run writes down what it measures. */
const output = process.env['ALLMEND_CHURN_OUTPUT']
/** By its half V8 and the allocator have taken what they keep. */
const LONG_HOURS = 3
/** At rate 1, on a machine that is not busy: a pause of 3 s after each, 3 more where somebody is away, and 1 s that it takes. */
const EVENTS_AN_HOUR = 680
/** Between two events, ms: of a run of seconds, and of a longer one at rate 1. */
const EVENT_MS = { short: 200, long: 3000 }
const MB = 1e6
/** In all the time; V8's young heap takes up to 50 MB of it, but in providers. */
const MOST_RSS = { tracker: 260 * MB, office: 190 * MB, red: 190 * MB, alice: 400 * MB, bob: 400 * MB }
/** An hour, after garbage was collected, beyond what the tracker keeps of its pool's files. */
const MOST_NATIVE_SLOPE = 8 * MB
const MOST_LIVE_SLOPE = 4 * MB
/** A leaf and a branch of the log's map for each file; all are let go when there are too many (`RESIDENT` in map-tree.ts). */
const MAP_BYTES_PER_FILE = 1300
const MAP_FILES = 16_384
/** What SQLite keeps of the tracker's database at most (`CACHE_KIB` in database.ts). */
const DATABASE_CACHE = 32 * 1024 * 1024

const missing = labMissing()
const where = missing === undefined ? 'homes' : `loopback (${missing})`

function show(line: string): void {
  if (output !== undefined) appendFileSync(output, `${line}\n`)
}

/** What a process takes beyond what it has to keep of the pool's files. */
const BEYOND = {
  native: (name: string, { native, database }: Sample): number =>
    native - (name === 'tracker' ? Math.min(database, DATABASE_CACHE) : 0),
  live: (name: string, { live, put }: Sample): number =>
    live - (name === 'tracker' ? MAP_BYTES_PER_FILE * Math.min(put, MAP_FILES) : 0),
}

/** Hours at rate 1 in which as much happens. */
function worthOf({ events }: ChurnReport): number {
  return Object.values(events).reduce((sum, count) => sum + count, 0) / EVENTS_AN_HOUR
}

/** Bytes for an hour's worth, or for an hour where less happened. */
function slopes(report: ChurnReport): Record<string, Record<keyof typeof BEYOND, number>> {
  const quicker = Math.max(1, worthOf(report) / (minutes / 60))
  return Object.fromEntries(
    Object.entries(report.samples).map(([name, series]) => {
      const slope = (of: keyof typeof BEYOND): number =>
        slopePerHour(series.map((sample) => ({ at: sample.at, value: BEYOND[of](name, sample) }))) / quicker
      return [name, { native: slope('native'), live: slope('live') }]
    }),
  )
}

test(
  `a pool in ${where} in which everything comes and goes, ${minutes} minutes at rate ${rate}`,
  async () => {
    const lab = missing === undefined ? new Lab() : undefined
    const report = await churn({
      minutes,
      lab,
      eventMs: minutes < 1 ? EVENT_MS.short : EVENT_MS.long / rate,
      rate,
      trackerPort: 4433,
      onSample: show,
    })
    const { samples, ...rest } = report
    show(JSON.stringify({ ...rest, worthHours: worthOf(report), slopes: slopes(report) }, undefined, 2))
    expect(report.wrong).toEqual([])
    expect(report.did['got'] ?? 0).toBeGreaterThan(0)
    expect(report.did['verified'] ?? 0).toBeGreaterThan(0)
    for (const [name, most] of Object.entries(MOST_RSS))
      expect(Math.max(...samples[name]!.map(({ rss }) => rss)), name).toBeLessThan(most)
    for (const [name, { sockets }] of Object.entries(report.before))
      expect(report.after[name]!.sockets - sockets, `sockets of ${name}`).toBeLessThanOrEqual(
        SOCKETS_MAY_DIFFER,
      )
    if (Math.max(minutes / 60, worthOf(report)) < LONG_HOURS) return
    for (const [name, { native, live }] of Object.entries(slopes(report))) {
      expect(native, `memory of ${name}`).toBeLessThan(MOST_NATIVE_SLOPE)
      expect(live, `heap of ${name}`).toBeLessThan(MOST_LIVE_SLOPE)
    }
  },
  minutes * 60_000 + 170_000,
)
