/**
 * How many witnesses are enough, and for how long (SECURITY.md section 6). Of w operators, the tracker's not among them,
 * f = ⌊(w-1)/3⌋ may lie, and ⌊(w+f)/2⌋+1 are a quorum: any two quorums share an honest operator. With fewer than three
 * operators nothing can be outvoted: heads signed by the log alone stand in, and it is shown.
 */
import { toHex } from '../../bytes.ts'
import type { Cosignature, Witness } from './cosignature.ts'

export const MIN_OPERATORS = 3
/** A quorum older than this is no ground for granting and writing, seconds. */
export const FRESH_SECONDS = 600
/** How far our clock may be from the witnesses' median, seconds. */
export const CLOCK_SLACK_SECONDS = 300

export interface Quorum {
  /** Operators whose witnesses count. */
  readonly operators: number
  /** How many of them must have signed; 0 while the pool is unwitnessed. */
  readonly needed: number
}

/** The quorum that these witnesses make; `tracker` is the operator of the log itself, which never counts. */
export function quorumOf(witnesses: readonly Witness[], tracker: Uint8Array): Quorum {
  const operators = new Set(witnesses.map(({ operator }) => toHex(operator)))
  operators.delete(toHex(tracker))
  const w = operators.size
  if (w < MIN_OPERATORS) return { operators: w, needed: 0 }
  const f = Math.floor((w - 1) / 3)
  return { operators: w, needed: Math.floor((w + f) / 2) + 1 }
}

/** The newest time at which each operator signed, newest first; operators that don't count are left out. */
export function operatorTimes(cosignatures: readonly Cosignature[], tracker: Uint8Array): number[] {
  const newest = new Map<string, number>()
  for (const { witness, time } of cosignatures) {
    const operator = toHex(witness.operator)
    if (operator !== toHex(tracker)) newest.set(operator, Math.max(time, newest.get(operator) ?? 0))
  }
  return [...newest.values()].sort((a, b) => b - a)
}

/** Whether enough operators signed. */
export function hasQuorum(times: readonly number[], { needed }: Quorum): boolean {
  return times.length >= needed
}

/** When the quorum was complete, newest possible choice, and the witnesses' median: Unix seconds. */
export interface QuorumTime {
  readonly time: number
  readonly median: number
}

/** Undefined without a quorum, or where none is needed: then the log's own time stands in. */
export function quorumTime(times: readonly number[], quorum: Quorum): QuorumTime | undefined {
  if (quorum.needed === 0 || !hasQuorum(times, quorum)) return undefined
  return { time: times[quorum.needed - 1]!, median: times[Math.floor((times.length - 1) / 2)]! }
}

export type Freshness = 'fresh' | 'stale' | 'clock'

/**
 * Whether a view may be granted and written upon. `seen` is our clock when the head came in, `now` our clock now, Unix seconds:
 * `clock` when ours was more than 5 minutes from the witnesses' median then (either may be wrong), `stale` when the quorum
 * is older than 10 minutes.
 */
export function freshness({ time, median }: QuorumTime, seen: number, now: number): Freshness {
  if (Math.abs(seen - median) > CLOCK_SLACK_SECONDS || now < seen - CLOCK_SLACK_SECONDS) return 'clock'
  return now - time > FRESH_SECONDS ? 'stale' : 'fresh'
}
