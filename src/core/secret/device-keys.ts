/** A device's own random keys, and the certificate by which it acts for its member. */
import { signedBytes } from '../open/hash.ts'
import type { Certificate, SignedCertificate } from '../open/objects/identity.ts'
import { certificateCodec, deviceIdOf } from '../open/objects/identity.ts'
import { signObject } from '../open/objects/signed.ts'
import { SUITE } from '../open/objects/suite.ts'
import type { Primitives } from '../open/primitives.ts'
import type { RandomSource } from '../open/random-source.ts'
import { hpkeDeriveKeyPair } from './hpke.ts'
import type { MemberKeys } from './member-keys.ts'

export interface DeviceKeys {
  readonly deviceId: Uint8Array
  /** Ed25519: signs operations. */
  readonly signSeed: Uint8Array
  readonly signPublic: Uint8Array
  /** X25519: takes the member's keys. */
  readonly encSecret: Uint8Array
  readonly encPublic: Uint8Array
  /** Ed25519: authenticates channels. */
  readonly netSeed: Uint8Array
  readonly netPublic: Uint8Array
}

export type CertificateTerms = Pick<Certificate, 'label' | 'notAfter' | 'serial'>

/** Fresh keys of a new device. */
export async function createDeviceKeys(primitives: Primitives, random: RandomSource): Promise<DeviceKeys> {
  const signSeed = random.bytes(32)
  const netSeed = random.bytes(32)
  const enc = await hpkeDeriveKeyPair(primitives, random.bytes(32))
  const signPublic = primitives.ed25519Public(signSeed)
  return {
    deviceId: deviceIdOf(primitives, signPublic),
    signSeed,
    signPublic,
    encSecret: enc.secretKey,
    encPublic: enc.publicKey,
    netSeed,
    netPublic: primitives.ed25519Public(netSeed),
  }
}

/** A certificate that the member's key and the device's have signed; `notAfter` in Unix seconds, at most two years ahead. */
export function issueCertificate(
  primitives: Primitives,
  pool: Uint8Array,
  member: Pick<MemberKeys, 'memberId' | 'signSeed'>,
  device: DeviceKeys,
  terms: CertificateTerms,
): SignedCertificate {
  const [body, byMember] = signObject(primitives, 'certificate', pool, member.signSeed, certificateCodec, {
    suite: SUITE,
    pool,
    member: member.memberId,
    device: device.deviceId,
    sign: device.signPublic,
    enc: device.encPublic,
    net: device.netPublic,
    ...terms,
  })
  const byDevice = primitives.ed25519Sign(device.signSeed, signedBytes('certificate-device', pool, body))
  return [body, byMember, byDevice]
}
