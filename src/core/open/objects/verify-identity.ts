/**
 * Verification of member records and certificates: by everybody who relies on one, tracker and readers alike. Invariants:
 * - a record is signed by the key that it holds; the member id is that key's hash, so nobody signs for another.
 * - a certificate needs the member's signature (authority) and the device's (possession of the key).
 * - every enrolled key is checked to be of prime order or not of small order, so that all verifiers agree later.
 * Time is the caller's: `checkCertificateLife`.
 */
import { equalBytes } from '../bytes.ts'
import { checkEncryptionKey, checkSigningKey } from './curve-key.ts'
import { DeniedError, MalformedError, UntrustedError } from '../errors.ts'
import { signedBytes } from '../hash.ts'
import type { Primitives } from '../primitives.ts'
import type { Certificate, MemberRecord, SignedCertificate } from './identity.ts'
import {
  MAX_CERTIFICATE_SECONDS,
  certificateCodec,
  checkMemberName,
  deviceIdOf,
  memberIdOf,
  memberRecordCodec,
} from './identity.ts'
import type { Signed } from './signed.ts'
import { openSigned } from './signed.ts'

/** Generations of encryption keys count from 1; 0 means none wherever a generation is named. */
export const FIRST_ENC_GENERATION = 1

/** How far ahead of ours a signer's clock may be before its two years look like more, seconds. */
const CLOCK_SLACK_SECONDS = 24 * 3_600

/** A member's record and id, from its signed form; throws UntrustedError or MalformedError. */
export function verifyMemberRecord(
  primitives: Primitives,
  pool: Uint8Array,
  signed: Signed,
): { readonly record: MemberRecord; readonly memberId: Uint8Array } {
  // The key stands in the record itself, hence this one look before the signature is verified.
  const claimed = memberRecordCodec.decode(signed[0])
  checkSigningKey(claimed.sign)
  const record = openSigned(primitives, 'member', pool, claimed.sign, memberRecordCodec, signed)
  checkMemberName(record.name)
  if (record.enc.length === 0) throw new MalformedError('a member record needs an encryption key')
  let previous = FIRST_ENC_GENERATION - 1
  for (const [generation, key] of record.enc) {
    if (generation <= previous)
      throw new MalformedError('generations of encryption keys rise from 1', { generation })
    previous = generation
    checkEncryptionKey(key)
  }
  return { record, memberId: memberIdOf(primitives, record.sign) }
}

/** A certificate from its signed form, by the member whose signing key is given; throws UntrustedError or MalformedError. */
export function verifyCertificate(
  primitives: Primitives,
  pool: Uint8Array,
  memberSignKey: Uint8Array,
  [body, byMember, byDevice]: SignedCertificate,
): Certificate {
  checkSigningKey(memberSignKey)
  const certificate = openSigned(primitives, 'certificate', pool, memberSignKey, certificateCodec, [
    body,
    byMember,
  ])
  checkSigningKey(certificate.sign)
  if (!primitives.ed25519Verify(certificate.sign, signedBytes('certificate-device', pool, body), byDevice))
    throw new UntrustedError("the device's signature of its certificate is wrong")
  if (!equalBytes(certificate.pool, pool)) throw new UntrustedError('a certificate for another pool')
  if (!equalBytes(certificate.member, memberIdOf(primitives, memberSignKey)))
    throw new UntrustedError('a certificate that names another member than its signer')
  if (!equalBytes(certificate.device, deviceIdOf(primitives, certificate.sign)))
    throw new UntrustedError("a certificate whose device id isn't its key's")
  checkSigningKey(certificate.net)
  checkEncryptionKey(certificate.enc)
  return certificate
}

/** Throws DeniedError for an expired certificate, UntrustedError for one that would live for more than two years. */
export function checkCertificateLife(certificate: Certificate, nowSeconds: number): void {
  if (certificate.notAfter < nowSeconds)
    throw new DeniedError('this certificate has expired', { notAfter: certificate.notAfter })
  if (certificate.notAfter > nowSeconds + MAX_CERTIFICATE_SECONDS + CLOCK_SLACK_SECONDS)
    throw new UntrustedError('a certificate lives for two years at most', { notAfter: certificate.notAfter })
}
