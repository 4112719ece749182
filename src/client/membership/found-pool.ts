import { equalBytes } from '../../core/open/bytes.ts'
import { ConflictError } from '../../core/open/errors.ts'
import { genesisCodec, poolIdOf } from '../../core/open/objects/identity.ts'
import { SUITE } from '../../core/open/objects/suite.ts'
import { describePool, foundPool as foundPoolMethod } from '../../core/open/protocol/tracker-methods.ts'
import { deriveMemberKeys } from '../../core/secret/member-keys.ts'
import { Tracker } from '../tracker.ts'
import type { Membership, MembershipParts } from './new-member.ts'
import { deviceCertificate, keystoreContents, memberRecord } from './new-member.ts'
import { FIRST_ENC_GENERATION } from '../../core/open/objects/verify-identity.ts'

/**
 * Founds the pool of a new tracker and becomes its first member and admin. `secret` is the tracker's founding secret.
 *
 * @throws ConflictError when the pool was founded already by somebody else; DeniedError for a wrong secret.
 */
export async function foundPool(
  parts: MembershipParts & { readonly secret: Uint8Array; readonly name: string },
): Promise<Membership> {
  const { primitives, random, name, secret } = parts
  const member = deriveMemberKeys(primitives, parts.entropy)
  const tracker = new Tracker(parts)
  try {
    const known = await tracker.call(describePool, {})
    if (known.genesis !== undefined && !isFoundedBy(known.genesis, member.memberId))
      throw new ConflictError('this pool has been founded already: ask one of its members for an invite', {})
    const genesis =
      known.genesis ??
      genesisCodec.encode({
        v: 1,
        suite: SUITE,
        logKey: known.logKey,
        admins: [member.memberId],
        witnessPolicy: 0,
        minimumSuite: SUITE,
        nonce: random.bytes(32),
      })
    const pool = poolIdOf(primitives, genesis)
    await tracker.call(foundPoolMethod, {
      secret,
      genesis,
      record: await memberRecord(parts, pool, member, name),
      certificate: deviceCertificate(parts, pool, member),
    })
    return {
      contents: await keystoreContents(parts, pool, member, name, [FIRST_ENC_GENERATION]),
      genesis,
    }
  } finally {
    await tracker.close()
  }
}

function isFoundedBy(genesis: Uint8Array, member: Uint8Array): boolean {
  return genesisCodec.decode(genesis).admins.some((admin) => equalBytes(admin, member))
}
