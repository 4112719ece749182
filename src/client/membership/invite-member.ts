import { encodeJoinToken, TOKEN_MEMBER } from '../../core/open/peers/join-token.ts'
import type { Client } from '../client.ts'

export interface MemberInvite {
  /** For the newcomer: `allmend init --join <token>`. */
  readonly token: string
  /** For the inviter: needed to admit whoever comes with the token. Keep it secret. */
  readonly secret: Uint8Array
}

/** A one-time token with which one person may join; nothing is sent: the secret stays with the inviter until it is used. */
export function inviteMember(client: Client): MemberInvite {
  const { identity, random, tracker } = client
  const secret = random.bytes(32)
  const token = encodeJoinToken({
    kind: TOKEN_MEMBER,
    address: tracker.address,
    peerId: tracker.peerId,
    secret,
    pool: identity.pool,
    inviter: identity.member,
  })
  return { token, secret }
}
