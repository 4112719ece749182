import type { LimitInForce, Line } from '../../../ports/line.ts'
import { formatBytes } from './byte-size.ts'

const DAY_MS = 24 * 3_600_000

/** `512 kB/s up until 23:00, 2.00 MB/s down, beyond the local network`; undefined where nothing holds. */
export function limitText(line: Line | undefined, now = new Date()): string | undefined {
  const inForce = line?.inForce() ?? {}
  const parts = (['up', 'down'] as const).flatMap((way) => {
    const limit = inForce[way]
    return limit === undefined ? [] : [`${formatBytes(limit.rate)}/s ${way}${untilText(limit, now)}`]
  })
  if (parts.length === 0) return undefined
  return [...parts, ...(line?.withLan === true ? [] : ['beyond the local network'])].join(', ')
}

function untilText({ until }: LimitInForce, now: Date): string {
  if (until === undefined) return ''
  const time = [until.getHours(), until.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':')
  const isSoon = until.getTime() - now.getTime() < DAY_MS
  return ` until ${isSoon ? '' : `${until.toLocaleDateString('en', { weekday: 'long' })} `}${time}`
}

/** What holds now, for --json: bytes a second, and a time. */
export function limitsPlain(line: Line | undefined): object {
  const { up, down } = line?.inForce() ?? {}
  const plain = ({ rate, until }: LimitInForce) => ({
    bytesPerSecond: rate,
    ...(until === undefined ? {} : { until: until.toISOString() }),
  })
  return {
    ...(up === undefined ? {} : { up: plain(up) }),
    ...(down === undefined ? {} : { down: plain(down) }),
  }
}
