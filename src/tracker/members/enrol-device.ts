import { NotFoundError } from '../../core/open/errors.ts'
import type { SignedCertificate } from '../../core/open/objects/identity.ts'
import { certificateCodec } from '../../core/open/objects/identity.ts'
import { checkCertificateLife, verifyCertificate } from '../../core/open/objects/verify-identity.ts'
import type { Context } from '../../ports/rpc.ts'
import { addDevice, requireOwnChannel } from './enrolment.ts'
import type { TrackerState } from '../tracker-state.ts'
import { nowSeconds, poolOf } from '../tracker-state.ts'

/** Adds or renews a device on the member's own signature. Throws NotFoundError for an unknown member, ConflictError. */
export function enrolDevice(
  state: TrackerState,
  { certificate: signed }: { readonly certificate: SignedCertificate },
  context: Context,
): Record<never, never> {
  const { member, device } = state.store.write((tables) => {
    const { pool } = poolOf(state, tables)
    // Only picks the key that must have signed these same bytes.
    const claimed = certificateCodec.decode(signed[0])
    const member = tables.members.member(claimed.member)
    if (member === undefined) throw new NotFoundError('this pool has no such member')
    const certificate = verifyCertificate(state.primitives, pool, member.sign, signed)
    checkCertificateLife(certificate, nowSeconds(state))
    requireOwnChannel(certificate, context.peerKey)
    addDevice(state, tables, certificate, signed)
    return certificate
  })
  state.events.deviceEnrolled(member, device)
  return {}
}
