/** Who is who: the pool's genesis, members' records, devices' certificates, admission (docs/spec/identity.md). */
import { taggedHash } from '../hash.ts'
import type { Primitives } from '../primitives.ts'
import type { ValueOf } from '../schema.ts'
import { array, bytes, bytesUpTo, codec, oneOf, struct, text, tuple, uint } from '../schema.ts'
import { MalformedError } from '../errors.ts'
import { signedField } from './signed.ts'
import { DEVICE_ID_BYTES, deviceId, id, publicKey, signature, suiteField } from './suite.ts'

/** First admins of a pool. */
export const MAX_ADMINS = 16

export const genesisField = struct({
  v: [0, oneOf([1])],
  suite: [1, suiteField],
  /** Ed25519 key that signs the log's checkpoints and the tickets. */
  logKey: [2, publicKey],
  /** Member ids of the first admins. */
  admins: [3, array(id, MAX_ADMINS)],
  /** 0: a quorum of the witnessing operators, each counted once. */
  witnessPolicy: [4, uint(0)],
  minimumSuite: [5, suiteField],
  nonce: [6, bytes(32)],
})
export type Genesis = ValueOf<typeof genesisField>
export const genesisCodec = codec('genesis', genesisField, 1_024)

/** H("pool", genesis). */
export function poolIdOf(primitives: Primitives, genesis: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'pool', genesis)
}

const NAME = /^[a-z0-9-]{3,32}$/

/** A member's unique name; throws MalformedError unless it matches [a-z0-9-]{3,32}. */
export function checkMemberName(name: string): void {
  if (!NAME.test(name))
    throw new MalformedError('a member name has 3 to 32 letters a-z, digits and hyphens', {})
}

export const memberRecordField = struct({
  suite: [0, suiteField],
  name: [1, text(32)],
  sign: [2, publicKey],
  /** X25519 keys by generation, newest last. */
  enc: [3, array(tuple(uint(), publicKey), 64)],
  seq: [4, uint()],
  /** H("member-record", previous record's bytes); zeros for the first. */
  prev: [5, id],
})
export type MemberRecord = ValueOf<typeof memberRecordField>
export const memberRecordCodec = codec('member record', memberRecordField, 4_096)
export const signedMemberRecordField = signedField(4_096)

/** H("member", sign key). */
export function memberIdOf(primitives: Primitives, signKey: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'member', signKey)
}

export const certificateField = struct({
  suite: [0, suiteField],
  pool: [1, id],
  member: [2, id],
  device: [3, deviceId],
  sign: [4, publicKey],
  enc: [5, publicKey],
  net: [6, publicKey],
  label: [7, text(32)],
  /** Unix seconds, at most two years ahead. */
  notAfter: [8, uint()],
  serial: [9, uint()],
})
export type Certificate = ValueOf<typeof certificateField>
export const certificateCodec = codec('certificate', certificateField, 512)
/** Two years, the longest life of a certificate, seconds. */
export const MAX_CERTIFICATE_SECONDS = 2 * 366 * 24 * 3_600

/** A certificate on the wire: body, the member's signature ("certificate"), the device's ("certificate-device"). */
export const signedCertificateField = tuple(bytesUpTo(512), signature, signature)
export type SignedCertificate = ValueOf<typeof signedCertificateField>

/** H("device", sign key), its first 16 bytes. */
export function deviceIdOf(primitives: Primitives, signKey: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'device', signKey).slice(0, DEVICE_ID_BYTES)
}

/** H("invite", secret): what an admission names, so that an invite is used once. */
export function inviteHash(primitives: Primitives, secret: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'invite', secret)
}

export const admitField = struct({
  suite: [0, suiteField],
  invite: [1, id],
  member: [2, id],
  /** H("member-record", the newcomer's signed record body). */
  record: [3, id],
  /** The inviter and the device that signs. */
  by: [4, id],
  device: [5, deviceId],
})
export const admitCodec = codec('admit', admitField, 512)
export const signedAdmitField = signedField(512)

export function memberRecordId(primitives: Primitives, body: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'member-record', body)
}
