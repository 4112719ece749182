import { UntrustedError } from '../../core/open/errors.ts'
import { encodeCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import type { ServedHead } from '../../core/open/log/heads/verify-head.ts'
import { verifyHead } from '../../core/open/log/heads/verify-head.ts'
import type { LogClient } from './log-client.ts'
import type { SeenView } from './pinned-view.ts'
import { pinOf } from './pinned-view.ts'

/** How long witnesses may take to sign what was just written before a command gives up, ms. */
export const QUORUM_PATIENCE_MS = 15_000
/** An honest tracker never serves a smaller head; it is asked once more in case it was just starting, ms. */
const BEHIND_PATIENCE_MS = 1_000

/**
 * The view that a served head proves, once it is pinned on disk; undefined where a good one may come when it is asked again, `waited` ms
 * being too few to give up. Throws UntrustedError, ForkedError, with evidence on disk.
 */
export async function acceptHead(
  log: LogClient,
  before: SeenView | undefined,
  served: ServedHead,
  waited: number,
): Promise<SeenView | undefined> {
  const { identity, parts } = log
  const { primitives, clock } = parts
  const { witnesses, tracker, forked } = await log.pins()
  const heads = {
    ...(before === undefined ? {} : { pinned: encodeCheckpoint(primitives, identity, before.checkpoint) }),
    served: served.note,
    consistency: served.consistency,
  }
  let verdict
  try {
    verdict = verifyHead(primitives, { log: identity, witnesses, tracker }, before?.checkpoint, served)
  } catch (error) {
    if (!(error instanceof UntrustedError)) throw error
    const isQuorum = error.facts['needed'] !== undefined
    if (isQuorum && waited < QUORUM_PATIENCE_MS) return undefined
    const hint = isQuorum
      ? ' (where they are lost for good and the admins have named others: `allmend witness accept`)'
      : ''
    throw await log.mistrust(error.message + hint, heads, error.facts)
  }
  if (verdict.kind === 'forked')
    throw await log.freeze('the log contradicts what it had shown before', heads, verdict.proof)
  if (verdict.kind === 'behind') {
    if (waited < BEHIND_PATIENCE_MS) return undefined
    throw await log.mistrust(
      'the tracker serves an older log than it had shown before: it was rolled back, or lost data; nothing was written',
      heads,
      { pinned: before?.checkpoint.size ?? 0, size: verdict.size },
    )
  }
  if (forked !== undefined) await log.requireUnforked()
  const view: SeenView = { ...verdict.view, seen: Math.floor(clock.now() / 1_000) }
  const pin = pinOf(primitives, identity, view)
  await log.update((stored) =>
    stored.head !== undefined && stored.head.size > pin.size ? stored : { ...stored, head: pin },
  )
  return view
}
