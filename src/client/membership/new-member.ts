/** What founding, joining and recovering share: a member's keys from the phrase, its record, this device's certificate. */
import type { SignedCertificate } from '../../core/open/objects/identity.ts'
import { checkMemberName, memberRecordCodec } from '../../core/open/objects/identity.ts'
import { FIRST_ENC_GENERATION } from '../../core/open/objects/verify-identity.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { signObject } from '../../core/open/objects/signed.ts'
import { SUITE, ZERO_ID } from '../../core/open/objects/suite.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { DeviceKeys } from '../../core/secret/device-keys.ts'
import { issueCertificate } from '../../core/secret/device-keys.ts'
import type { KeystoreContents } from '../../core/secret/keystore-contents.ts'
import type { MemberKeys } from '../../core/secret/member-keys.ts'
import { memberDedupSecret, memberEnc } from '../../core/secret/member-keys.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import type { Transport } from '../../ports/transport.ts'

/** A certificate lives a year: half of what is allowed, so that a clock that is off doesn't matter. */
const CERTIFICATE_SECONDS = 365 * 24 * 3_600

export interface MembershipParts {
  readonly primitives: Primitives
  readonly random: Random
  readonly clock: Clock
  /** Made with this device's net key. */
  readonly transport: Transport
  readonly tracker: { readonly address: string; readonly peerId: Uint8Array }
  readonly device: DeviceKeys
  /** The 32 bytes behind the recovery phrase. */
  readonly entropy: Uint8Array
  /** What the device is called, at most 32 bytes. */
  readonly label: string
}

export interface Membership {
  /** What the keystore must hold from now on. */
  readonly contents: KeystoreContents
  /** The pool's genesis: its hash is the pool id, and it names the log key. */
  readonly genesis: Uint8Array
}

export async function memberRecord(
  parts: MembershipParts,
  pool: Uint8Array,
  member: MemberKeys,
  name: string,
): Promise<Signed> {
  checkMemberName(name)
  const enc = await memberEnc(parts.primitives, parts.entropy, FIRST_ENC_GENERATION)
  return signObject(parts.primitives, 'member', pool, member.signSeed, memberRecordCodec, {
    suite: SUITE,
    name,
    sign: member.signPublic,
    enc: [[FIRST_ENC_GENERATION, enc.publicKey]],
    seq: 1,
    prev: ZERO_ID,
  })
}

export function deviceCertificate(
  parts: MembershipParts,
  pool: Uint8Array,
  member: MemberKeys,
): SignedCertificate {
  const now = parts.clock.now()
  return issueCertificate(parts.primitives, pool, member, parts.device, {
    label: parts.label,
    notAfter: Math.floor(now / 1_000) + CERTIFICATE_SECONDS,
    serial: now,
  })
}

/** Everything that the device keeps; the signing key is not in it. */
export async function keystoreContents(
  parts: MembershipParts,
  pool: Uint8Array,
  member: MemberKeys,
  name: string,
  generations: readonly number[],
): Promise<KeystoreContents> {
  const { primitives, entropy, device } = parts
  return {
    pool,
    member: member.memberId,
    name,
    memberSign: member.signPublic,
    device,
    enc: await Promise.all(
      generations.map(async (generation) => ({
        generation,
        ...(await memberEnc(primitives, entropy, generation)),
      })),
    ),
    dedup: generations.map((generation) => ({
      generation,
      secret: memberDedupSecret(primitives, entropy, generation),
    })),
    vault: member.vaultSeed,
  }
}

/** HMAC-SHA-256(invite secret, record body): shows the inviter that this newcomer holds the secret. */
export function inviteMac(primitives: Primitives, secret: Uint8Array, record: Uint8Array): Uint8Array {
  return primitives.hmacSha256(secret, record)
}
