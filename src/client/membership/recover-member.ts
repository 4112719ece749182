import { equalBytes } from '../../core/open/bytes.ts'
import { NotFoundError, UntrustedError } from '../../core/open/errors.ts'
import { poolIdOf } from '../../core/open/objects/identity.ts'
import { verifyMemberRecord } from '../../core/open/objects/verify-identity.ts'
import { describePool, enrolDevice, resolveMember } from '../../core/open/protocol/tracker-methods.ts'
import { deriveMemberKeys } from '../../core/secret/member-keys.ts'
import { Tracker } from '../tracker.ts'
import type { Membership, MembershipParts } from './new-member.ts'
import { deviceCertificate, keystoreContents } from './new-member.ts'

/**
 * Makes this machine a device of an existing member from the recovery phrase alone. Accepts only a pool that shows a record
 * which the typed key itself signed.
 *
 * @throws NotFoundError when the pool doesn't know this member; UntrustedError when what it shows isn't the member's own.
 */
export async function recoverMember(parts: MembershipParts): Promise<Membership & { readonly name: string }> {
  const { primitives } = parts
  const member = deriveMemberKeys(primitives, parts.entropy)
  const tracker = new Tracker(parts)
  try {
    const { genesis } = await tracker.call(describePool, {})
    if (genesis === undefined) throw new NotFoundError('this tracker has no pool yet', {})
    const pool = poolIdOf(primitives, genesis)
    const { member: view } = await tracker.call(resolveMember, { id: member.memberId })
    if (view === undefined)
      throw new NotFoundError(
        'this pool has no member with these words: is it the right pool, and are they yours?',
        {},
      )
    const { record, memberId } = verifyMemberRecord(primitives, pool, view.record)
    if (!equalBytes(memberId, member.memberId))
      throw new UntrustedError('this pool shows a record that these words never signed', {})
    await tracker.call(enrolDevice, { certificate: deviceCertificate(parts, pool, member) })
    const generations = record.enc.map(([generation]) => generation)
    return {
      contents: await keystoreContents(parts, pool, member, record.name, generations),
      genesis,
      name: record.name,
    }
  } finally {
    await tracker.close()
  }
}
