import { encodeJoinToken, TOKEN_PROVIDER } from '../../core/open/peers/join-token.ts'
import { inviteHash } from '../../core/open/objects/identity.ts'
import { providerInviteCodec } from '../../core/open/objects/provider-record.ts'
import { signObject } from '../../core/open/objects/signed.ts'
import { SUITE } from '../../core/open/objects/suite.ts'
import { inviteProvider as inviteProviderMethod } from '../../core/open/protocol/tracker-methods.ts'
import type { Client } from '../client.ts'

/** A week: long enough to carry a token to another house. */
const LIFETIME_SECONDS = 7 * 24 * 3_600

export interface InviteProviderParameters {
  /** Whom the provider belongs to; the inviting member, or an operator key's id, which only an admin may name. */
  readonly operator?: Uint8Array
  readonly lifetimeSeconds?: number
}

/**
 * A one-time token with which one provider may join the pool.
 *
 * @example
 * const token = await inviteProvider(client, {}) // 'host:port#...'
 *
 * @throws DeniedError when the member may not name that operator.
 */
export async function inviteProvider(
  client: Client,
  parameters: InviteProviderParameters = {},
): Promise<string> {
  const { primitives, identity, random, clock, tracker } = client
  const secret = random.bytes(32)
  const invite = signObject(
    primitives,
    'provider-invite',
    identity.pool,
    identity.device.signSeed,
    providerInviteCodec,
    {
      suite: SUITE,
      invite: inviteHash(primitives, secret),
      operator: parameters.operator ?? identity.member,
      member: identity.member,
      device: identity.device.deviceId,
      notAfter: Math.floor(clock.now() / 1_000) + (parameters.lifetimeSeconds ?? LIFETIME_SECONDS),
    },
  )
  await tracker.call(inviteProviderMethod, { invite })
  return encodeJoinToken({
    kind: TOKEN_PROVIDER,
    address: tracker.address,
    peerId: tracker.peerId,
    secret,
    pool: identity.pool,
    inviter: identity.member,
  })
}
