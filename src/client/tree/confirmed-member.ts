import { concatBytes, equalBytes, toHex } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { encodeCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { ENTRY_KIND } from '../../core/open/log/entry.ts'
import { mapMember } from '../../core/open/log/map/map-key.ts'
import type { MemberView } from '../../core/open/protocol/tracker-methods.ts'
import { resolveMember } from '../../core/open/protocol/tracker-methods.ts'
import { MAX_PINNED } from '../../ports/pin-store.ts'
import { MAX_ANSWERS, witnessesLag } from '../log/confirm-claims.ts'
import type { LogReader } from '../log/log-reader.ts'
import type { TrackerCalls } from '../tracker.ts'

/** A member's newest record and all certificates of his devices, as the map lists them; throws UntrustedError. */
export async function confirmedMember(
  log: LogReader,
  tracker: TrackerCalls,
  member: Uint8Array,
): Promise<MemberView> {
  const { primitives } = log.parts
  for (let answers = 1; ; answers++) {
    const { member: view } = await tracker.call(resolveMember, { id: member })
    if (view === undefined)
      throw new UntrustedError('the tracker does not know a member whose operations it serves', { member })
    // The record may be newer than the newest head.
    const covers = answers > 1 ? await log.size() : 0
    const {
      found,
      proof,
      view: head,
    } = await log.prove({
      points: [],
      prefixes: [mapMember(primitives, member)],
      covers,
    })
    const listed = new Set(found.map(({ entry }) => nameOf(entry.kind, entry.body, entry.signatures)))
    const served = new Set([
      nameOf(ENTRY_KIND.memberRecord, view.record[0], view.record[1]),
      ...view.certificates.map(([body, ...signatures]) =>
        nameOf(ENTRY_KIND.certificate, body, concatBytes(...signatures)),
      ),
    ])
    if (listed.size === served.size && [...served].every((name) => listed.has(name))) return view
    if (answers < MAX_ANSWERS) continue
    if (head.isWitnessed && head.checkpoint.size < covers) throw witnessesLag()
    throw await log.mistrust("the tracker serves other keys of a member than the log's", {
      served: encodeCheckpoint(primitives, log.identity, head.checkpoint),
      keys: found.map(({ key }) => key),
      proof,
    })
  }
}

function nameOf(kind: number, body: Uint8Array, signatures: Uint8Array): string {
  return `${kind} ${toHex(body)} ${toHex(signatures)}`
}

/** Pins how far a member's record has come; throws UntrustedError for an older one. */
export async function rememberContact(log: LogReader, member: Uint8Array, seq: number): Promise<void> {
  const { contacts } = await log.pins()
  const known = contacts.find((contact) => equalBytes(contact.member, member))
  if (known !== undefined && known.seq > seq)
    throw await log.mistrust('the tracker serves an older record of a member than before', {}, { member })
  if (known?.seq === seq) return
  await log.update((pins) => ({
    ...pins,
    contacts: [
      ...pins.contacts.filter((contact) => !equalBytes(contact.member, member)),
      { member, seq },
    ].slice(-MAX_PINNED),
  }))
}
