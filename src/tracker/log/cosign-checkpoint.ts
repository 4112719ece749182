import { CapacityError, ConflictError, DeniedError } from '../../core/open/errors.ts'
import { encodeCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { verifyCosignatures, witnessName } from '../../core/open/log/heads/cosignature.ts'
import { MAX_NOTE_SIGNATURES, NOTE_COSIGNATURE, isBy, noteKeyId } from '../../core/open/log/heads/note.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingProvider, requireInsider } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'
import { changedWithin } from './serve-head.ts'
import { mayCosign, witnessKeyOf } from './witnesses.ts'

/** How long a witness is kept waiting for a new checkpoint, ms; well under what it waits for an answer. */
const MAX_WAIT_MS = 10_000

/** The newest checkpoint that the log has signed; while that is the caller's own, waits a while for a larger one. */
export async function nextCheckpoint(
  state: TrackerState,
  { after }: { readonly after?: number | undefined },
  context: Context,
): Promise<{ note?: Uint8Array; isAwaited?: boolean }> {
  // Members ask too, when witnesses lag: it shows that the log keeps its promises.
  requireInsider(state, context)
  const { log, clock } = state
  const until = clock.monotonic() + MAX_WAIT_MS
  while ((log.sealed?.checkpoint.size ?? 0) === (after ?? 0)) {
    const left = until - clock.monotonic()
    if (left <= 0 || !(await changedWithin(state, left, context.signal))) break
  }
  const { identity, sealed } = log
  if (identity === undefined || sealed === undefined) return {}
  const note = encodeCheckpoint(state.primitives, identity, sealed.checkpoint)
  return log.isAwaited ? { note, isAwaited: true } : { note }
}

/**
 * Takes in a witness's line. Throws UntrustedError for a wrong signature, DeniedError for a provider that names no cosigning key or may not witness,
 * ConflictError where that checkpoint isn't asked for any more, CapacityError where it has no room for another line.
 */
export function cosignCheckpoint(
  state: TrackerState,
  { size, signature }: { readonly size: number; readonly signature: Uint8Array },
  context: Context,
): Record<never, never> {
  const { log, primitives } = state
  const { provider, isTaken } = state.store.read((tables) => {
    const row = callingProvider(state, tables, context)
    return { provider: row, isTaken: mayCosign(tables, row) }
  })
  const key = witnessKeyOf(provider)
  if (key === undefined) throw new DeniedError("this provider's record names no cosigning key")
  // Lines that nobody counts would take the places of those that do.
  if (!isTaken)
    throw new DeniedError('the admins have not let this operator witness: `allmend witness approve`', {
      operator: provider.operator,
    })
  const head = [log.sealed, log.served].find((at) => at?.checkpoint.size === size)
  if (head === undefined)
    throw new ConflictError('this checkpoint waits for no cosignature', {
      size: log.sealed?.checkpoint.size ?? 0,
    })
  const name = witnessName(key)
  const keyId = noteKeyId(primitives, name, NOTE_COSIGNATURE, key)
  const line = { name, keyId, signature }
  verifyCosignatures(primitives, { ...head.checkpoint, others: [line] }, [
    { key, operator: provider.operator },
  ])
  const others = head.checkpoint.others.filter((other) => !isBy(other, name, keyId))
  if (others.length + 2 > MAX_NOTE_SIGNATURES) throw new CapacityError('this checkpoint has all lines it can')
  log.addCosignature(size, line)
  return {}
}
