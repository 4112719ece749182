/**
 * Served operations held against the map: a key names the entry of exactly this operation, and a prefix nothing else. What differs
 * may have changed between the two answers, so the caller asks a few times before he believes that he was lied to.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import type { AllmendError } from '../../core/open/errors.ts'
import { NotEnoughProvidersError } from '../../core/open/errors.ts'
import { encodeCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import type { LogEntry } from '../../core/open/log/entry.ts'
import { ENTRY_KIND, entryCodec } from '../../core/open/log/entry.ts'
import { MAP_PREFIX_BYTES, mapChild } from '../../core/open/log/map/map-key.ts'
import { operationId } from '../../core/open/objects/operation.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { OperationView } from '../../core/open/protocol/tracker-methods.ts'
import type { OwnEntry } from '../../ports/pin-store.ts'
import type { Evidence } from './log-evidence.ts'
import type { LogReader, Proven } from './log-reader.ts'

/** Says that the operation is the newest that touched the key. */
export interface Claim {
  readonly key: Uint8Array
  readonly newest: OperationView
}

export interface Claims {
  readonly points: readonly Claim[]
  /** All claims under each of these prefixes: a key of the map without one was left out. */
  readonly prefixes: readonly { readonly prefix: Uint8Array; readonly claims: readonly Claim[] }[]
}

/** What the map says otherwise. */
export interface Mismatch {
  readonly reason: string
  readonly evidence: Partial<Evidence>
  /** Witnesses haven't signed so far yet: nobody lied. */
  readonly isUncovered: boolean
}

/** How often an answer is asked again before a mismatch is believed: others may write meanwhile. */
export const MAX_ANSWERS = 5

/** Undefined when the map confirms every claim; `size` is that of a head that can't be older than the answer. */
export async function confirmClaims(
  log: LogReader,
  claims: Claims,
  size: number,
): Promise<Mismatch | undefined> {
  const all = [...claims.points, ...claims.prefixes.flatMap((list) => list.claims)]
  const covers = all.reduce((most, { newest }) => Math.max(most, newest.index + 1), size)
  const proven = await log.prove({
    points: claims.points.map(({ key }) => key),
    prefixes: claims.prefixes.map(({ prefix }) => prefix),
    ...(covers === 0 ? {} : { covers }),
  })
  const found = new Map(proven.found.map((item) => [toHex(item.key), item.entry]))
  const isUncovered = proven.view.checkpoint.size < covers
  // Until witnesses confirm it, what this device has written itself counts by the log's promise.
  const own = isUncovered ? ownOf(log, (await log.pins()).own) : undefined
  for (const { key, newest } of all) {
    const entry = found.get(toHex(key))
    if (entry !== undefined && isEntryOf(entry, newest)) continue
    if (own?.isPromised(newest) === true) continue
    return mismatch(log, proven, key, entry, {
      isUncovered,
      reason:
        entry === undefined
          ? 'the tracker serves what the map does not hold'
          : entry.index > newest.index
            ? 'the tracker serves an older version than the newest'
            : 'the tracker serves another operation than the map names',
    })
  }
  for (const { prefix, claims: listed } of claims.prefixes) {
    const served = new Set(listed.map(({ key }) => toHex(key)))
    for (const { key, entry } of proven.found)
      if (
        equalBytes(key.subarray(0, prefix.length), prefix) &&
        !served.has(toHex(key)) &&
        own?.isGone(key) !== true
      )
        return mismatch(log, proven, key, entry, {
          isUncovered,
          reason: 'the tracker leaves out what the map lists',
        })
  }
  return undefined
}

interface Own {
  isPromised(operation: OperationView): boolean
  /** Whether an own operation took the node of this key away from where it was. */
  isGone(key: Uint8Array): boolean
}

function ownOf({ parts }: LogReader, entries: readonly OwnEntry[]): Own {
  const { primitives } = parts
  // The second half of a child's key names the node alone.
  const nodePart = (key: Uint8Array) => toHex(key.subarray(MAP_PREFIX_BYTES))
  const standing = new Map<string, Uint8Array | undefined>()
  for (const { space, places } of entries)
    for (const { parent, node, isDeleted } of places) {
      const key = mapChild(primitives, space, parent, node)
      standing.set(nodePart(key), isDeleted ? undefined : key)
    }
  return {
    isPromised: (operation) => isPromised(primitives, entries, operation),
    isGone(key) {
      const name = nodePart(key)
      const now = standing.get(name)
      return standing.has(name) && (now === undefined || !equalBytes(now, key))
    },
  }
}

/** Whether the log promised this device that the operation stands there. */
export function isPromised(
  primitives: Primitives,
  own: readonly OwnEntry[],
  { index, time, signed }: OperationView,
): boolean {
  return own.some(
    (entry) =>
      entry.index === index &&
      entry.time === time &&
      equalBytes(entry.operation, operationId(primitives, signed[0])),
  )
}

/** Whether the entry holds exactly this operation, at this place and time. */
export function isEntryOf({ kind, index, time, body, signatures }: LogEntry, view: OperationView): boolean {
  return (
    kind === ENTRY_KIND.operation &&
    index === view.index &&
    time === view.time &&
    equalBytes(body, view.signed[0]) &&
    equalBytes(signatures, view.signed[1])
  )
}

function mismatch(
  log: LogReader,
  { view, proof }: Proven,
  key: Uint8Array,
  entry: LogEntry | undefined,
  what: Pick<Mismatch, 'reason' | 'isUncovered'>,
): Mismatch {
  const evidence: Partial<Evidence> = {
    served: encodeCheckpoint(log.parts.primitives, log.identity, view.checkpoint),
    proof,
    keys: [key],
    entries: entry === undefined ? [] : [entryCodec.encode(entry)],
  }
  return { ...what, evidence }
}

/** Asks and confirms until both agree; throws UntrustedError with evidence when they never do, NotEnoughProvidersError while witnesses lag. */
export async function confirmed<T>(
  log: LogReader,
  ask: () => Promise<T>,
  claimsOf: (answer: T) => Claims,
): Promise<T> {
  // What an answer shows tells how new it is, unless it lacks what was just taken away.
  let size = await log.ownSize()
  for (let answers = 1; ; answers++) {
    const answer = await ask()
    if (answers > 1) size = await log.size()
    const wrong = await confirmClaims(log, claimsOf(answer), size)
    if (wrong === undefined) return answer
    if (answers === MAX_ANSWERS) throw await refusal(log, wrong)
  }
}

async function refusal(log: LogReader, { reason, evidence, isUncovered }: Mismatch): Promise<AllmendError> {
  if (isUncovered && (await log.view()).isWitnessed) return witnessesLag()
  return log.mistrust(reason, evidence)
}

export function witnessesLag(): AllmendError {
  return new NotEnoughProvidersError(
    'too few witnesses are up to confirm the newest changes: try again later',
  )
}
