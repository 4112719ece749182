/**
 * Nothing leaks while everything comes and goes. Some seconds of it by default; `ALLMEND_CHURN_MINUTES` says how long, and from
 * LONG_MINUTES on memory is held against a slope.
 */
import { appendFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ChurnReport } from '../network/churn/churn.ts'
import { churn, SOCKETS_MAY_DIFFER } from '../network/churn/churn.ts'
import { slopePerHour } from '../network/churn/usage.ts'
import { Lab, labMissing } from '../network/lab.ts'

const minutes = Number(process.env['ALLMEND_CHURN_MINUTES'] ?? 0.1)
/** Where a long run writes down what it measures. */
const output = process.env['ALLMEND_CHURN_OUTPUT']
/** By its half the caches are full: the tracker's database keeps 32 MiB, which a thousand puts don't fill. */
const LONG_MINUTES = 180
const MB = 1e6
/** In all the time; V8's young heap takes up to 50 MB of it, but in providers. */
const MOST_RSS = { tracker: 260 * MB, office: 190 * MB, red: 190 * MB, alice: 400 * MB, bob: 400 * MB }
/** An hour, after garbage was collected; what the pool keeps of its files is in it. */
const MOST_NATIVE_SLOPE = 8 * MB
const MOST_LIVE_SLOPE = 4 * MB

const missing = labMissing()
const where = missing === undefined ? 'homes' : `loopback (${missing})`

function show(line: string): void {
  if (output !== undefined) appendFileSync(output, `${line}\n`)
}

function slopes({ samples }: ChurnReport): Record<string, Record<'rss' | 'native' | 'live', number>> {
  return Object.fromEntries(
    Object.entries(samples).map(([name, series]) => {
      const slope = (of: 'rss' | 'native' | 'live'): number =>
        slopePerHour(series.map((sample) => ({ at: sample.at, value: sample[of] })))
      return [name, { rss: slope('rss'), native: slope('native'), live: slope('live') }]
    }),
  )
}

test(
  `a pool in ${where} in which everything comes and goes, ${minutes} minutes`,
  async () => {
    const lab = missing === undefined ? new Lab() : undefined
    const isLong = minutes >= LONG_MINUTES
    const report = await churn({
      minutes,
      lab,
      eventMs: minutes < 1 ? 200 : 3000,
      trackerPort: 4433,
      onSample: show,
    })
    const { samples, ...rest } = report
    show(JSON.stringify({ ...rest, slopes: slopes(report) }, undefined, 2))
    expect(report.wrong).toEqual([])
    expect(report.did['got'] ?? 0).toBeGreaterThan(0)
    expect(report.did['verified'] ?? 0).toBeGreaterThan(0)
    for (const [name, most] of Object.entries(MOST_RSS))
      expect(Math.max(...samples[name]!.map(({ rss }) => rss)), name).toBeLessThan(most)
    for (const [name, { sockets }] of Object.entries(report.before))
      expect(report.after[name]!.sockets - sockets, `sockets of ${name}`).toBeLessThanOrEqual(
        SOCKETS_MAY_DIFFER,
      )
    if (!isLong) return
    for (const [name, { native, live }] of Object.entries(slopes(report))) {
      expect(native, `memory of ${name}`).toBeLessThan(MOST_NATIVE_SLOPE)
      expect(live, `heap of ${name}`).toBeLessThan(MOST_LIVE_SLOPE)
    }
  },
  minutes * 60_000 + 170_000,
)
