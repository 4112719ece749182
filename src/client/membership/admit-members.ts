import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { admitCodec, inviteHash, memberRecordId } from '../../core/open/objects/identity.ts'
import { signObject } from '../../core/open/objects/signed.ts'
import { SUITE } from '../../core/open/objects/suite.ts'
import { verifyMemberRecord } from '../../core/open/objects/verify-identity.ts'
import { admitMember, pendingMembers } from '../../core/open/protocol/tracker-methods.ts'
import type { Client } from '../client.ts'
import { ledgerName } from '../log/ledger/member-name.ts'
import { inviteMac } from './new-member.ts'

/** Invites asked about at once. */
const AT_ONCE = 64

export interface AdmittedMember {
  readonly name: string
  /** Member id, 32 bytes. */
  readonly id: Uint8Array
  /** The invite's secret, now used up. */
  readonly secret: Uint8Array
}

/**
 * Admits everybody who came with one of these invites' secrets. Who can't show the secret is left waiting: a tracker that
 * puts its own record under an invite gets nowhere. Nor does a name that is another member's on the ledger: UntrustedError, or told
 * to `onRefused`, and the others are admitted all the same.
 */
export async function admitMembers(
  client: Client,
  secrets: readonly Uint8Array[],
  onRefused?: (error: UntrustedError) => void,
): Promise<AdmittedMember[]> {
  const { primitives, identity, tracker } = client
  const admitted: AdmittedMember[] = []
  for (let at = 0; at < secrets.length; at += AT_ONCE) {
    const byHash = new Map(
      secrets.slice(at, at + AT_ONCE).map((secret) => [toHex(inviteHash(primitives, secret)), secret]),
    )
    const { pending } = await tracker.call(pendingMembers, {
      invites: [...byHash.values()].map((secret) => inviteHash(primitives, secret)),
    })
    for (const { invite, mac, record: signed } of pending) {
      const secret = byHash.get(toHex(invite))
      if (secret === undefined || !equalBytes(inviteMac(primitives, secret, signed[0]), mac)) continue
      const { record, memberId } = verifyMemberRecord(primitives, identity.pool, signed)
      try {
        await ledgerName(client, { name: record.name, member: memberId })
      } catch (error) {
        if (!(error instanceof UntrustedError) || onRefused === undefined) throw error
        onRefused(error)
        continue
      }
      const admit = signObject(primitives, 'admit', identity.pool, identity.device.signSeed, admitCodec, {
        suite: SUITE,
        invite,
        member: memberId,
        record: memberRecordId(primitives, signed[0]),
        by: identity.member,
        device: identity.device.deviceId,
      })
      await tracker.call(admitMember, { admit })
      admitted.push({ name: record.name, id: memberId, secret })
    }
  }
  return admitted
}
