import { equalBytes } from '../../core/open/bytes.ts'
import { NotFoundError, UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import { inviteHash, poolIdOf } from '../../core/open/objects/identity.ts'
import { FIRST_ENC_GENERATION } from '../../core/open/objects/verify-identity.ts'
import { describePool, registerMember, resolveMember } from '../../core/open/protocol/tracker-methods.ts'
import { deriveMemberKeys } from '../../core/secret/member-keys.ts'
import { Tracker } from '../tracker.ts'
import type { Membership, MembershipParts } from './new-member.ts'
import { deviceCertificate, inviteMac, keystoreContents, memberRecord } from './new-member.ts'

const POLL_MS = 500

export interface JoinPoolParts extends MembershipParts {
  readonly name: string
  /** The invite's secret, and the pool that it is for. */
  readonly secret: Uint8Array
  readonly pool: Uint8Array
  /** How long to wait for the inviter to admit, ms. */
  readonly waitMs: number
  /** Called once the record waits for the inviter. */
  readonly onWaiting?: () => void
}

/**
 * Joins a pool with an invite: registers under it and waits until the inviter admits.
 *
 * @throws UntrustedError when the tracker speaks for another pool; ConflictError for a name that is taken; DeniedError for an
 *   invite that was used; UnreachableError when nobody admitted in time: run it again.
 */
export async function joinPool(parts: JoinPoolParts): Promise<Membership> {
  const { primitives, clock, pool, secret, name } = parts
  const member = deriveMemberKeys(primitives, parts.entropy)
  const tracker = new Tracker(parts)
  try {
    const genesis = await poolGenesis(parts, tracker, pool)
    const record = await memberRecord(parts, pool, member, name)
    await tracker.call(registerMember, {
      invite: inviteHash(primitives, secret),
      mac: inviteMac(primitives, secret, record[0]),
      record,
      certificate: deviceCertificate(parts, pool, member),
    })
    parts.onWaiting?.()
    const until = clock.monotonic() + parts.waitMs
    for (;;) {
      const { member: view } = await tracker.call(resolveMember, { id: member.memberId })
      if (view?.state === 1) break
      if (clock.monotonic() >= until)
        throw new UnreachableError(
          'nobody has admitted you yet: ask who invited you to run `allmend member admit`, then run this again',
          {},
        )
      await clock.sleep(POLL_MS)
    }
    return {
      contents: await keystoreContents(parts, pool, member, name, [FIRST_ENC_GENERATION]),
      genesis,
    }
  } finally {
    await tracker.close()
  }
}

/** The genesis whose hash is `pool`, from a tracker that might lie. */
export async function poolGenesis(
  parts: Pick<MembershipParts, 'primitives'>,
  tracker: Tracker,
  pool: Uint8Array,
): Promise<Uint8Array> {
  const { genesis } = await tracker.call(describePool, {})
  if (genesis === undefined) throw new NotFoundError('this tracker has no pool yet', {})
  if (!equalBytes(poolIdOf(parts.primitives, genesis), pool))
    throw new UntrustedError('this tracker speaks for another pool than the one named', {})
  return genesis
}
