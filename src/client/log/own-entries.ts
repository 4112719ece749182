/**
 * What this device wrote is held against what the log shows (SECURITY.md section 6, attack 9): within 30 s of its promise each own
 * entry stands in a verified head, at the promised place, and the map names it, or a later one, for every node that it changed.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { AllmendError, NotEnoughProvidersError } from '../../core/open/errors.ts'
import { entryCodec, entryHash } from '../../core/open/log/entry.ts'
import type { Checkpoint } from '../../core/open/log/heads/checkpoint.ts'
import { encodeCheckpoint, openCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { mapChild, mapNode } from '../../core/open/log/map/map-key.ts'
import { promiseCodec } from '../../core/open/log/promise.ts'
import { verifyMerklePath } from '../../core/open/merkle.ts'
import { operationId } from '../../core/open/objects/operation.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import { logInclusion, nextCheckpoint } from '../../core/open/protocol/log-methods.ts'
import type { OwnEntry, OwnPlace } from '../../ports/pin-store.ts'
import { MAX_OWN_ENTRIES } from '../../ports/pin-store.ts'
import type { LogClient } from './log-client.ts'
import type { Proven } from './log-reader.ts'
import type { MapQuestion } from './map-query.ts'
import type { SeenView } from './pinned-view.ts'

/** Log and map must show an own entry within this, ms. */
export const PROVEN_WITHIN_MS = 30_000

type Prove = (question: MapQuestion) => Promise<Proven>

/** Keeps a promise until it is proven; throws UntrustedError when the log didn't sign it. */
export async function rememberOwnEntry(
  log: LogClient,
  operation: Uint8Array,
  signed: Signed,
  places: Pick<OwnEntry, 'space' | 'places'>,
): Promise<void> {
  const { primitives, identity, clock } = log.parts
  const { index, time, hash } = openSigned(
    primitives,
    'promise',
    identity.pool,
    log.identity.key,
    promiseCodec,
    signed,
  )
  const entry = { operation, index, time, hash, promise: signed[1], acknowledged: clock.now(), ...places }
  await log.update((pins) => ({
    ...pins,
    own: [...pins.own.filter((known) => !equalBytes(known.operation, operation)), entry],
  }))
}

/**
 * Proves what the newest view covers and forgets it; throws UntrustedError (with evidence) for what it covers and doesn't show, or
 * what it ought to cover by now, ForkedError where a promise was broken provably.
 */
export async function settleOwnEntries(
  log: LogClient,
  prove: Prove = (question) => log.prove(question),
): Promise<void> {
  const { own } = await log.pins()
  if (own.length === 0) return
  const now = log.parts.clock.now()
  const size = log.current?.checkpoint.size ?? 0
  const late = own.filter(
    ({ index, acknowledged }) => index >= size && Math.abs(now - acknowledged) > PROVEN_WITHIN_MS,
  )
  const isFull = own.length >= MAX_OWN_ENTRIES - 1
  let view = log.current
  if (late.length > 0 || isFull)
    view = (await prove({ points: [], prefixes: [], covers: Math.max(...own.map(({ index }) => index + 1)) }))
      .view
  if (view === undefined) return
  const { checkpoint } = view
  const due = own.filter(({ index }) => index < checkpoint.size)
  const unproven = late.filter(({ index }) => index >= checkpoint.size)
  if (unproven.length > 0) await requireLogged(log, view, unproven)
  if (isFull && due.length === 0)
    throw new NotEnoughProvidersError(
      'too few witnesses are there to confirm what was written: nothing more is written until they do',
    )
  if (due.length === 0) return
  for (const entry of due) await proveInLog(log, checkpoint, entry)
  await proveInMap(log, prove, due)
  const settled = new Set(due.map(({ operation }) => toHex(operation)))
  await log.update((pins) => ({
    ...pins,
    own: pins.own.filter(({ operation }) => !settled.has(toHex(operation))),
  }))
}

/**
 * What earlier commands were promised, and no head shows yet, is in the log by its own count: a tracker that takes an operation has
 * stored it. A copy of its folder from before is known by that at once, without the 30 seconds.
 */
export async function requireKept(log: LogClient): Promise<void> {
  const { own } = await log.pins()
  const shown = log.current?.checkpoint.size ?? 0
  const newest = own.reduce<OwnEntry | undefined>(
    (best, entry) => (entry.index >= (best?.index ?? shown) ? entry : best),
    undefined,
  )
  if (newest === undefined || (await log.size()) > newest.index) return
  throw await log.mistrust(
    'the tracker has a shorter log than the one in which it had promised to hold an operation of this device: it was rolled back, or lost data; nothing was written',
    { promise: [newest.index, newest.time, newest.hash, newest.promise] },
  )
}

/** Witnesses that are away hold their quorum's head back, not the tracker: then the log's own newest checkpoint shows the entries. */
async function requireLogged(log: LogClient, view: SeenView, own: readonly OwnEntry[]): Promise<void> {
  const { primitives } = log.parts
  const { note } = await log.tracker.call(nextCheckpoint, {})
  const newest = note === undefined ? view.checkpoint : openCheckpoint(primitives, log.identity, note)
  if (!view.isWitnessed || own.some(({ index }) => index >= newest.size))
    throw await log.mistrust(
      'the log does not show, after 30 seconds, what it had promised to hold: an operation of this device',
      { served: note ?? encodeCheckpoint(primitives, log.identity, view.checkpoint) },
    )
  for (const entry of own) await proveInLog(log, newest, entry)
}

async function proveInLog(log: LogClient, checkpoint: Checkpoint, own: OwnEntry): Promise<void> {
  const { primitives } = log.parts
  const evidence = {
    served: encodeCheckpoint(primitives, log.identity, checkpoint),
    promise: [own.index, own.time, own.hash, own.promise] as const,
  }
  let answer
  try {
    answer = await log.tracker.call(logInclusion, { index: own.index, size: checkpoint.size })
  } catch (error) {
    if (!(error instanceof AllmendError) || error.policy === 'retry') throw error
    throw await log.mistrust('the tracker does not show an entry that its log had promised', evidence)
  }
  const { leaf, path } = answer
  const { sha256 } = primitives
  const hash = entryHash(sha256, leaf)
  if (!verifyMerklePath(sha256, hash, own.index, checkpoint.size, path, checkpoint.root))
    throw await log.mistrust('the tracker does not prove an entry that its log had promised', evidence)
  if (!equalBytes(hash, own.hash))
    throw await log.freeze('the log holds another entry in the place that it had promised to ours', {
      ...evidence,
      entries: [leaf],
      inclusion: path,
    })
  if (!equalBytes(operationId(primitives, entryCodec.decode(leaf).body), own.operation))
    throw await log.mistrust('the log holds another operation than the one that it took', {
      ...evidence,
      entries: [leaf],
    })
}

async function proveInMap(log: LogClient, prove: Prove, due: readonly OwnEntry[]): Promise<void> {
  const { primitives } = log.parts
  // The newest own change of a node is the one to be found; older ones went before.
  const newest = new Map<string, { readonly own: OwnEntry; readonly place: OwnPlace }>()
  for (const own of [...due].sort((a, b) => a.index - b.index))
    for (const place of own.places) newest.set(toHex(place.node), { own, place })
  const childKey = ({ own, place }: { own: OwnEntry; place: OwnPlace }) =>
    mapChild(primitives, own.space, place.parent, place.node)
  const nodeKey = ({ own, place }: { own: OwnEntry; place: OwnPlace }) =>
    mapNode(primitives, own.space, place.node)
  const all = [...newest.values()]
  const standing = all.filter(({ place }) => !place.isDeleted)
  const first = await prove({ points: standing.map(childKey), prefixes: [] })
  const shown = new Map(first.found.map((item) => [toHex(item.key), item]))
  // Gone from its folder: then a later entry moved or deleted it.
  const gone = all.filter((item) => item.place.isDeleted || !shown.has(toHex(childKey(item))))
  const second = gone.length === 0 ? undefined : await prove({ points: gone.map(nodeKey), prefixes: [] })
  for (const item of second?.found ?? []) shown.set(toHex(item.key), item)
  for (const item of all) {
    const isGone = item.place.isDeleted || !shown.has(toHex(childKey(item)))
    const key = isGone ? nodeKey(item) : childKey(item)
    const found = shown.get(toHex(key))
    const { own, place } = item
    const least = own.index + (isGone && !place.isDeleted ? 1 : 0)
    if (found !== undefined && found.entry.index >= least) continue
    const { view, proof } = isGone ? (second ?? first) : first
    throw await log.mistrust('the map does not hold what this device has written', {
      served: encodeCheckpoint(primitives, log.identity, view.checkpoint),
      promise: [own.index, own.time, own.hash, own.promise],
      keys: [key],
      proof,
    })
  }
}
