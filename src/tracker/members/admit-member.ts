import { equalBytes } from '../../core/open/bytes.ts'
import { ConflictError, DeniedError, NotFoundError, UntrustedError } from '../../core/open/errors.ts'
import { admitCodec, memberRecordId } from '../../core/open/objects/identity.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import { verifyCertificate, verifyMemberRecord } from '../../core/open/objects/verify-identity.ts'
import type { Context } from '../../ports/rpc.ts'
import { ENTRY_KIND } from '../../ports/tracker-store-log.ts'
import { callingDevice } from '../callers.ts'
import { addDevice, addMember } from './enrolment.ts'
import type { TrackerState } from '../tracker-state.ts'
import { poolOf } from '../tracker-state.ts'

/**
 * Makes a waiting newcomer a member, on the word of a member's device. An invite admits once. Throws NotFoundError when nobody
 * waits so, ConflictError for a used invite or a taken name, UntrustedError for a record other than the one admitted.
 */
export function admitMember(
  state: TrackerState,
  { admit: signed }: { readonly admit: Signed },
  context: Context,
): Record<never, never> {
  const { primitives } = state
  const admitted = state.store.write((tables) => {
    const device = callingDevice(state, tables, context)
    const { pool } = poolOf(state, tables)
    const admit = openSigned(primitives, 'admit', pool, device.sign, admitCodec, signed)
    if (!equalBytes(admit.by, device.member) || !equalBytes(admit.device, device.device))
      throw new DeniedError('an admission is handed in by the device that signed it')
    const used = tables.members.admittedBy(admit.invite)
    if (used !== undefined && equalBytes(used, admit.member)) return undefined
    if (used !== undefined) throw new ConflictError('this invite was used')
    if (tables.members.member(admit.member) !== undefined)
      throw new ConflictError('this member belongs to the pool already')
    const waiting = tables.members
      .waitingUnder(admit.invite)
      .find((row) => equalBytes(row.member, admit.member))
    if (waiting === undefined) throw new NotFoundError('nobody waits under this invite by this id')
    if (!equalBytes(memberRecordId(primitives, waiting.record[0]), admit.record))
      throw new UntrustedError('the admission is for another record than the one that waits')
    const { record, memberId } = verifyMemberRecord(primitives, pool, waiting.record)
    const certificate = verifyCertificate(primitives, pool, record.sign, waiting.certificate)
    tables.members.useInvite(admit.invite, memberId)
    tables.log.append(ENTRY_KIND.admit, state.clock.now(), ...signed)
    addMember(state, tables, { id: memberId, record, certificate }, waiting.record)
    addDevice(state, tables, certificate, waiting.certificate)
    tables.members.dropWaiting(memberId)
    return { member: memberId, by: device.member }
  })
  if (admitted !== undefined) state.events.memberAdmitted(admitted.member, admitted.by)
  return {}
}
