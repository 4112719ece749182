/**
 * Witnesses that are lost for good can't sign the head that names their successors. Then a changed set is taken without them, and three
 * things stand in for their quorum (SECURITY.md section 6):
 * - the admins: their invites and votes alone add operators, and none is dropped whom they haven't withdrawn;
 * - time: this client has known of that very set for 72 hours by its own clock, so that people hear of it;
 * - consent: somebody at this client says yes.
 * Nothing is taken on the tracker's word: the whole log is replayed, and must continue what was pinned and what was shown at first.
 */
import { compareBytes, concatBytes, equalBytes } from '../../../core/open/bytes.ts'
import { CancelledError, NotEnoughProvidersError, UntrustedError } from '../../../core/open/errors.ts'
import type { Checkpoint } from '../../../core/open/log/heads/checkpoint.ts'
import { encodeCheckpoint, openCheckpoint } from '../../../core/open/log/heads/checkpoint.ts'
import type { Witness } from '../../../core/open/log/heads/cosignature.ts'
import { forkProofFrom } from '../../../core/open/log/heads/fork-proof.ts'
import { quorumOf } from '../../../core/open/log/heads/quorum.ts'
import type { LogView } from '../../../core/open/log/heads/verify-head.ts'
import { verifyHead } from '../../../core/open/log/heads/verify-head.ts'
import { logHead } from '../../../core/open/protocol/log-methods.ts'
import type { PinnedNotice } from '../../../ports/pin-store.ts'
import type { Client } from '../../client.ts'
import { LogAudit } from '../audit/audit-log.ts'
import { pinOf } from '../pinned-view.ts'
import { readEntries } from '../audit/read-entries.ts'

/** How long a client knows of a changed set before it may be taken without the old quorum, seconds. */
export const NOTICE_SECONDS = 72 * 3_600

export interface WitnessChange {
  /** same: there is nothing to accept; noticed: the time has begun or still runs; accepted: the set is pinned. */
  readonly state: 'same' | 'noticed' | 'accepted'
  /** Since when this client has known of the set, Unix seconds, and from when on it may be taken. */
  readonly since?: number
  readonly from?: number
  /** Operators that come and go. */
  readonly added: readonly Uint8Array[]
  readonly removed: readonly Uint8Array[]
  /** Of the new set; 0: fewer than three operators, the pool would be unwitnessed. */
  readonly operators: number
  readonly quorum: number
}

/**
 * Takes over the witnesses that the log names, where the pinned ones no longer confirm it; `consent` is asked once the notice is over.
 *
 * @throws UntrustedError for a log that doesn't hold, or a change that the admins haven't made; ForkedError; NotEnoughProvidersError
 * while the new witnesses haven't signed; CancelledError without consent.
 */
export async function acceptWitnesses(
  client: Client,
  consent: (change: WitnessChange) => Promise<boolean>,
): Promise<WitnessChange> {
  const { log, primitives, clock } = client
  await log.requireUnforked()
  const pins = await log.pins()
  const { head: pinned } = pins
  const quorum = quorumOf(pins.witnesses, pins.tracker)
  const same = {
    state: 'same',
    added: [],
    removed: [],
    operators: quorum.operators,
    quorum: quorum.needed,
  } as const
  if (pinned === undefined) return same
  const before = openCheckpoint(primitives, log.identity, pinned.note)
  const { head } = await client.tracker.call(logHead, { from: before.size, covers: undefined })
  if (head === undefined) return same
  const checkpoint = openCheckpoint(primitives, log.identity, head.note)
  if (checkpoint.size < before.size)
    throw await log.mistrust('the tracker serves an older log than it had shown before', {
      served: head.note,
    })
  const { notice } = pins
  const noticed = notice === undefined ? undefined : openCheckpoint(primitives, log.identity, notice.note)
  const audit = new LogAudit(primitives)
  let then: readonly Witness[] | undefined
  for await (const { leaf, changes } of readEntries(client.tracker, checkpoint.size)) {
    audit.add(leaf, changes)
    if (audit.size === noticed?.size) then = audit.witnesses.counted()
  }
  audit.verdict(checkpoint, pins.tracker, [])
  for (const known of noticed === undefined ? [before] : [before, noticed])
    await requireContinues(client, audit, known, checkpoint)
  const witnesses = audit.witnesses.counted()
  if (isSameSet(witnesses, pins.witnesses)) return same
  const change = changeOf(audit, pins.witnesses, witnesses, pins.tracker)
  const view = confirmedBy(client, witnesses, pins.tracker, before, head)
  const now = Math.floor(clock.now() / 1_000)
  // The set that was shown at first, not another since.
  const isKnown = notice !== undefined && then !== undefined && isSameSet(then, witnesses)
  const since = isKnown ? notice.since : now
  const from = since + NOTICE_SECONDS
  if (!isKnown) {
    const begun: PinnedNotice = {
      since,
      size: checkpoint.size,
      note: encodeCheckpoint(primitives, log.identity, checkpoint),
    }
    await log.update((stored) => ({ ...stored, notice: begun }))
  }
  const waiting: WitnessChange = { ...change, state: 'noticed', since, from }
  if (now < from) return waiting
  if (!(await consent(waiting))) throw new CancelledError('stopped: the witnesses stay as they were')
  const seen = { ...view, seen: now }
  await log.update((stored) => ({
    ...stored,
    witnesses,
    head: pinOf(primitives, log.identity, seen),
    notice: undefined,
  }))
  return { ...waiting, state: 'accepted' }
}

/** The audited log must hold what was known before; otherwise the log key has signed two histories. */
async function requireContinues(
  { log, primitives }: Client,
  audit: LogAudit,
  known: Checkpoint,
  checkpoint: Checkpoint,
): Promise<void> {
  const isBehind = known.size > audit.size
  if (!isBehind && equalBytes(audit.root(known.size), known.root)) return
  const served = {
    pinned: encodeCheckpoint(primitives, log.identity, known),
    served: encodeCheckpoint(primitives, log.identity, checkpoint),
  }
  const reason = 'the log contradicts what it had shown before'
  if (isBehind) throw await log.mistrust(reason, served)
  const way = known.size === audit.size ? [] : audit.consistency(known.size, audit.size)
  throw await log.freeze(reason, served, forkProofFrom(primitives, log.identity, known, checkpoint, way))
}

/** The view under the new set; its own quorum must have signed. */
function confirmedBy(
  { log, primitives }: Client,
  witnesses: readonly Witness[],
  tracker: Uint8Array,
  before: Checkpoint,
  head: Parameters<typeof verifyHead>[3],
): LogView {
  try {
    const verdict = verifyHead(primitives, { log: log.identity, witnesses, tracker }, before, head)
    if (verdict.kind === 'valid') return verdict.view
  } catch (cause) {
    if (!(cause instanceof UntrustedError) || cause.facts['needed'] === undefined) throw cause
    throw new NotEnoughProvidersError(
      'the new witnesses have not signed this log yet: nothing changes before they do',
      cause.facts,
      { cause },
    )
  }
  throw new UntrustedError('this head does not continue the one that was seen before')
}

function changeOf(
  audit: LogAudit,
  before: readonly Witness[],
  after: readonly Witness[],
  tracker: Uint8Array,
): Omit<WitnessChange, 'state'> {
  const operatorsIn = (set: readonly Witness[]) => set.map(({ operator }) => operator)
  const missing = (from: readonly Uint8Array[], among: readonly Uint8Array[]) =>
    [...from].filter(
      (operator, i) =>
        !among.some((other) => equalBytes(other, operator)) &&
        from.findIndex((other) => equalBytes(other, operator)) === i,
    )
  const removed = missing(operatorsIn(before), operatorsIn(after))
  for (const operator of removed)
    if (!audit.witnesses.isWithdrawn(operator))
      throw new UntrustedError('an operator witnesses no longer whom the admins have not withdrawn', {
        operator,
      })
  const { operators, needed } = quorumOf(after, tracker)
  return { added: missing(operatorsIn(after), operatorsIn(before)), removed, operators, quorum: needed }
}

function isSameSet(a: readonly Witness[], b: readonly Witness[]): boolean {
  const sorted = (set: readonly Witness[]) =>
    set.map(({ operator, key }) => concatBytes(operator, key)).sort(compareBytes)
  const [left, right] = [sorted(a), sorted(b)]
  return left.length === right.length && left.every((item, i) => equalBytes(item, right[i]!))
}
