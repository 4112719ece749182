/**
 * Witnesses beside everything else: over a connection of its own, a page of entries at a time, giving way after each that was much work.
 * It ends when its signal aborts, and for good once the log is proven to be forked; what it refuses it tells, and asks again later.
 */
import { ConflictError, UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import type { Checkpoint } from '../../core/open/log/heads/checkpoint.ts'
import { ENTRY_KIND, entryCodec } from '../../core/open/log/entry.ts'
import type { ServedEntry } from '../../core/open/log/heads/witness-checkpoint.ts'
import {
  MAX_ENTRIES,
  cosignCheckpoint,
  logConsistency,
  logEntries,
  nextCheckpoint,
} from '../../core/open/protocol/log-methods.ts'
import type { Clock } from '../../ports/clock.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection } from '../../ports/transport.ts'
import type { Activity } from '../activity.ts'
import type { ProviderState } from '../provider-state.ts'
import { aborted } from '../../ports/aborted.ts'
import { slept } from '../../ports/slept.ts'
import { stopAtFork } from './stop-at-fork.ts'
import type { Witness } from './witness.ts'

/** An unchanged head is signed again so often: readers want a quorum that is at most ten minutes old. */
const SIGN_AGAIN_MS = 60_000
/** Changes after which others get their turn before the next entry. */
const MUCH_WORK = 64
/** Bytes of entries and changes from which on replaying waits until nobody is being served. */
const MUCH_BYTES = 256 * 1024
/** A head may be late by so much while this provider serves; readers want it within ten minutes. */
const LATEST_MS = 10_000
const QUIET_MS = 2_000
/** Whoever asks for a head that is put off doesn't wait much longer than this for us to notice. */
const LOOK_MS = 250
/** The tracker keeps us waiting for 10 s at most. */
const WAIT_TIMEOUT_MS = 30_000
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 30_000

interface State extends Pick<ProviderState, 'clock' | 'events'> {
  readonly activity?: WitnessingOptions['activity'] | undefined
  readonly onReplay?: WitnessingOptions['onReplay']
}

export interface WitnessingOptions {
  readonly witness: Witness
  /** Resolves when this provider is known to the tracker. */
  readonly known: Promise<void>
  readonly dial: (signal: AbortSignal) => Promise<Connection>
  /** Resolves the next time that the tracker is known to answer again: one that couldn't be reached is tried then at the latest. */
  readonly returned?: () => Promise<void>
  /** What a large batch waits behind; nothing by default. */
  readonly activity?: Pick<Activity, 'quiet'>
  /** Hears before and after a large batch. */
  readonly onReplay?: ((isReplaying: boolean) => void) | undefined
}

/** Cosigns each checkpoint of the pool until `signal` aborts; never throws. */
export async function keepWitnessing(
  state: Pick<ProviderState, 'clock' | 'events'>,
  options: WitnessingOptions,
  signal: AbortSignal,
): Promise<void> {
  const { witness, activity, onReplay } = options
  const { clock, events } = state
  await Promise.race([options.known, aborted(signal)])
  if (witness.fork !== undefined) {
    events.logForked(witness.size, witness.size)
    return
  }
  let retryMs = FIRST_RETRY_MS
  while (!signal.aborted) {
    let connection: Connection | undefined
    let isAway = false
    // Of now: a return that is told before this attempt has failed counts.
    const returned = options.returned?.()
    try {
      connection = await options.dial(signal)
      const tracker = connection
      let signed: Signed | undefined
      while (!signal.aborted) {
        signed = await witnessNext({ clock, events, activity, onReplay }, witness, tracker, signed, signal)
        retryMs = FIRST_RETRY_MS
      }
    } catch (error) {
      witness.forget()
      if (signal.aborted) return
      if (connection !== undefined && (await stopAtFork(witness, connection, error, events, signal))) return
      isAway = error instanceof UnreachableError
      state.events.witnessFailed(witness.size, error, retryMs)
    } finally {
      await connection?.close()
    }
    await sleptOrReturned(state.clock, retryMs, isAway ? returned : undefined, signal)
    retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)
  }
}

/** Resolves after `ms`, as soon as the tracker has returned, or when the signal aborts. */
async function sleptOrReturned(
  clock: Clock,
  ms: number,
  returned: Promise<void> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const wait = slept(clock, ms, AbortSignal.any([signal, over.signal]))
  await Promise.race([wait, ...(returned === undefined ? [] : [returned])])
  over.abort()
}

interface Signed {
  readonly size: number
  /** Monotonic milliseconds. */
  readonly at: number
}

/** Waits for a checkpoint, follows the log up to it and hands our signature in. */
export async function witnessNext(
  state: State,
  witness: Witness,
  tracker: Connection,
  signed: Signed | undefined,
  signal: AbortSignal,
): Promise<Signed | undefined> {
  const wait = { signal, timeoutMs: WAIT_TIMEOUT_MS }
  const { value } = await call(tracker, nextCheckpoint, { after: signed?.size }, undefined, wait)
  const { note, isAwaited } = value
  if (note === undefined) return undefined
  const again = signed !== undefined && state.clock.monotonic() - signed.at >= SIGN_AGAIN_MS
  if (witness.identity === undefined) await beginLog(witness, tracker, signal)
  const checkpoint = witness.open(note)
  if (signed?.size === checkpoint.size && !again) return signed
  // A head that somebody waits for goes before what else this provider does.
  const { activity, clock, events, onReplay } = state
  const following = isAwaited === true ? { clock, events, onReplay } : { clock, events, onReplay, activity }
  let signature: Uint8Array
  try {
    const last = await followTo(following, witness, tracker, checkpoint, signal)
    const seconds = Math.floor(clock.now() / 1_000)
    signature = witness.sign(note, last, seconds).signature
  } finally {
    onReplay?.(false)
  }
  try {
    await call(tracker, cosignCheckpoint, { size: checkpoint.size, signature }, undefined, wait)
    events.checkpointSigned(checkpoint.size)
  } catch (error) {
    // A newer one was sealed meanwhile: that is next.
    if (!(error instanceof ConflictError)) throw error
  }
  return { size: checkpoint.size, at: state.clock.monotonic() }
}

/** The genesis, which names the key that signs checkpoints. */
async function beginLog(witness: Witness, tracker: Connection, signal: AbortSignal): Promise<void> {
  const request = { from: 0, count: 1, changes: true }
  const { value } = await call(tracker, logEntries, request, undefined, { signal })
  const [first] = value.entries
  if (first === undefined) throw new UntrustedError('a log with a checkpoint has entries')
  witness.follow(first)
}

/** Follows all entries up to the checkpoint but its last, which it returns: that one is followed when it is signed. */
async function followTo(
  state: State,
  witness: Witness,
  tracker: Connection,
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<ServedEntry | undefined> {
  const latest = state.clock.monotonic() + LATEST_MS
  let isAwaited = false
  while (witness.size < checkpoint.size) {
    const from = witness.size
    const request = { from, count: Math.min(MAX_ENTRIES, checkpoint.size - from), changes: true }
    const { value } = await call(tracker, logEntries, request, undefined, { signal })
    if (value.entries.length === 0)
      throw new UntrustedError('the log serves fewer entries than its checkpoint has', { from })
    if (bytesOf(value.entries) >= MUCH_BYTES) {
      if (!isAwaited) isAwaited = await quietOrAwaited(state, tracker, latest, signal)
      state.onReplay?.(true)
    }
    for (const entry of value.entries) {
      if (witness.size === checkpoint.size - 1) return entry
      witness.follow(entry)
      if (entryCodec.decode(entry.leaf).kind === ENTRY_KIND.heads) {
        const sizes = { from: witness.size, to: checkpoint.size }
        const { proof } = (await call(tracker, logConsistency, sizes, undefined, { signal })).value
        witness.settle(checkpoint, proof)
      } else if (entry.changes.length >= MUCH_WORK) await state.clock.sleep(0, signal)
    }
  }
  return undefined
}

/** Waits until nobody is being served, as long as that may take, or somebody waits for the head; true for the latter. */
async function quietOrAwaited(
  { activity, clock }: State,
  tracker: Connection,
  latest: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (activity === undefined) return false
  const over = new AbortController()
  const ended = AbortSignal.any([signal, over.signal])
  const quiet = activity.quiet(QUIET_MS, latest - clock.monotonic(), ended).then(() => false)
  const awaited = async (): Promise<boolean> => {
    while ((await slept(clock, LOOK_MS, ended)) && !ended.aborted) {
      const { value } = await call(tracker, nextCheckpoint, {}, undefined, { signal: ended })
      if (value.isAwaited === true) return true
    }
    return quiet
  }
  const asking = awaited()
  try {
    return await Promise.race([quiet, asking])
  } finally {
    over.abort()
    // Cut off in the middle of a question.
    asking.catch(() => {})
  }
}

function bytesOf(entries: readonly ServedEntry[]): number {
  let bytes = 0
  for (const { leaf, changes } of entries)
    bytes += changes.reduce((sum, change) => sum + change.length, leaf.length)
  return bytes
}
