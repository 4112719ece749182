/** Providers' registration and the invites that let them in. */
import type { ValueOf } from '../schema.ts'
import { bytes, codec, optional, struct, text, uint } from '../schema.ts'
import { signedField } from './signed.ts'
import { deviceId, id, publicKey, suiteField } from './suite.ts'

/** Signed by a member's device (tag "provider-invite"): who holds the secret may register one provider for this operator. */
export const providerInviteField = struct({
  suite: [0, suiteField],
  /** H("invite", secret). */
  invite: [1, id],
  /** A member id, or H("operator", key) of an operator key, which only an admin may name. */
  operator: [2, id],
  member: [3, id],
  device: [4, deviceId],
  /** Unix seconds. */
  notAfter: [5, uint()],
})
export const providerInviteCodec = codec('provider invite', providerInviteField, 512)
export const signedProviderInviteField = signedField(512)

/** Signed by the provider's net key (tag "provider"); sent at registration and again when something changes. */
export const providerRecordField = struct({
  suite: [0, suiteField],
  /** Raw Ed25519 net key; the provider's id is H("peer", net). */
  net: [1, publicKey],
  /** H("invite", secret) of the invite that let it in. */
  invite: [2, id],
  name: [3, text(64)],
  /** host:port under which it takes connections. */
  address: [4, text(300)],
  /** Bytes that it lends. */
  capacity: [5, uint()],
  /** Rises with every record. */
  seq: [6, uint()],
  /** Raw Ed25519 key by which it cosigns the log's checkpoints, for nothing else; absent where it doesn't witness. */
  witness: [7, optional(publicKey)],
  /** Address of the secp256k1 key that signs its reports to the ledger, for nothing else; absent where it doesn't report there. */
  reporter: [8, optional(bytes(20))],
})
export type ProviderRecord = ValueOf<typeof providerRecordField>
export const providerRecordCodec = codec('provider record', providerRecordField, 1_024)
export const signedProviderRecordField = signedField(1_024)
