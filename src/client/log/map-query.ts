/** Questions about the map as they are sent and as their answers are verified (src/core/open/log/map/map-proof.ts). */
import { compareBytes, equalBytes, toHex } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import type { LogEntry } from '../../core/open/log/entry.ts'
import { entryCodec, entryHash } from '../../core/open/log/entry.ts'
import { MAP_PREFIX_BYTES } from '../../core/open/log/map/map-key.ts'
import type { MapRange } from '../../core/open/log/map/map-proof.ts'
import { pointRange, prefixRange } from '../../core/open/log/map/map-proof.ts'
import { verifyMapProof } from '../../core/open/log/map/verify-map-proof.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { MAX_MAP_POINTS, MAX_MAP_PREFIXES } from '../../core/open/protocol/log-methods.ts'

export interface MapQuestion {
  readonly points: readonly Uint8Array[]
  readonly prefixes: readonly Uint8Array[]
  /** The head must have at least so many entries. */
  readonly covers?: number | undefined
}

/** A key of the map and the newest entry that touched it. */
export interface ProvenEntry {
  readonly key: Uint8Array
  readonly hash: Uint8Array
  readonly entry: LogEntry
}

/** What one request asks: points, and prefixes by the first key that is asked. */
export interface MapPart {
  readonly points: readonly Uint8Array[]
  readonly prefixes: readonly Uint8Array[]
}

/** A question in parts that fit one request each; points that repeat are asked once. */
export function partsOf({ points, prefixes }: MapQuestion): MapPart[] {
  const unique = [...new Map(points.map((key) => [toHex(key), key])).values()].sort(compareBytes)
  const parts: MapPart[] = []
  for (let at = 0; at < unique.length; at += MAX_MAP_POINTS)
    parts.push({ points: unique.slice(at, at + MAX_MAP_POINTS), prefixes: [] })
  for (let at = 0; at < prefixes.length; at += MAX_MAP_PREFIXES) {
    const some = prefixes.slice(at, at + MAX_MAP_PREFIXES).map((prefix) => prefixRange(prefix).first)
    const first = parts[0]
    // Most questions fit one request.
    if (at === 0 && first !== undefined) parts[0] = { ...first, prefixes: some }
    else parts.push({ points: [], prefixes: some })
  }
  return parts
}

export interface PartAnswer {
  readonly proof: Uint8Array
  readonly lasts: readonly Uint8Array[]
  readonly entries: readonly Uint8Array[]
}

/**
 * What an answer proves under this map root, with the entries behind the hashes, and what of the part is still open because its
 * prefixes were cut. Throws UntrustedError or MalformedError for anything that isn't proven.
 */
export function verifyPart(
  { sha256 }: Pick<Primitives, 'sha256'>,
  map: Uint8Array,
  part: MapPart,
  answer: PartAnswer,
): { readonly found: ProvenEntry[]; readonly rest: MapPart } {
  const open: Uint8Array[] = []
  const ranges: MapRange[] = part.points.map(pointRange)
  if (answer.lasts.length !== part.prefixes.length)
    throw new UntrustedError('an answer about the map names an end for each prefix')
  for (const [i, first] of part.prefixes.entries()) {
    const end = prefixRange(first.subarray(0, MAP_PREFIX_BYTES)).last
    const last = answer.lasts[i]!
    if (compareBytes(last, first) < 0 || compareBytes(last, end) > 0)
      throw new UntrustedError('an answer about the map ends outside of what was asked')
    ranges.push({ first, last })
    if (!equalBytes(last, end)) open.push(after(last))
  }
  const entries = new Map<string, LogEntry>()
  for (const bytes of answer.entries) entries.set(toHex(entryHash(sha256, bytes)), entryCodec.decode(bytes))
  const found = verifyMapProof(sha256, map, ranges, answer.proof).map(({ key, value }) => {
    const entry = entries.get(toHex(value))
    if (entry === undefined) throw new UntrustedError('an entry that the map names was withheld')
    return { key, hash: value, entry }
  })
  return { found, rest: { points: [], prefixes: open } }
}

/** The next key: all of one length count upwards. */
function after(key: Uint8Array): Uint8Array {
  const next = key.slice()
  for (let i = next.length - 1; i >= 0; i--) {
    next[i] = (next[i]! + 1) & 255
    if (next[i] !== 0) break
  }
  return next
}
