import { parseTimetable } from '../../core/open/limits/timetable.ts'
import type { SessionHostOptions } from './session-host.ts'
import { LineLimits } from './line-limits.ts'

/** Limits that hold on loopback too, so much that a test doesn't take longer for them. */
export function pacedLoopback(): NonNullable<SessionHostOptions['line']> {
  const rate = parseTimetable('200MB/s')
  const line = new LineLimits({ up: rate, down: rate })
  return { paceOf: () => line.paceOf({ remoteAddress: '192.0.2.1:1' }) }
}
