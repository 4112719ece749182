import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../../adapters/native/node-primitives.ts'
import { createDeviceKeys, issueCertificate } from '../../secret/device-keys.ts'
import { deriveMemberKeys, memberEnc } from '../../secret/member-keys.ts'
import { AllmendError, DeniedError, MalformedError, UntrustedError } from '../errors.ts'
import { signedBytes } from '../hash.ts'
import type { Certificate, MemberRecord, SignedCertificate } from './identity.ts'
import { MAX_CERTIFICATE_SECONDS, certificateCodec, memberRecordCodec } from './identity.ts'
import type { Signed } from './signed.ts'
import { signObject } from './signed.ts'
import { checkCertificateLife, verifyCertificate, verifyMemberRecord } from './verify-identity.ts'

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const NOW = 1_800_000_000
const pool = random.bytes(32)
const entropy = random.bytes(32)
const member = deriveMemberKeys(primitives, entropy)
const enc = await memberEnc(primitives, entropy, 1)
const device = await createDeviceKeys(primitives, random)
const other = deriveMemberKeys(primitives, random.bytes(32))
const SMALL_ORDER = Uint8Array.of(1, ...new Uint8Array(31))

const terms = { label: 'laptop', notAfter: NOW + 1_000, serial: 1 }
const certificate = issueCertificate(primitives, pool, member, device, terms)
const record: MemberRecord = {
  suite: 1,
  name: 'alice',
  sign: member.signPublic,
  enc: [[1, enc.publicKey]],
  seq: 1,
  prev: new Uint8Array(32),
}

function signRecord(changes: Partial<MemberRecord> = {}, seed = member.signSeed): Signed {
  return signObject(primitives, 'member', pool, seed, memberRecordCodec, { ...record, ...changes })
}

/** A certificate with changed fields that both keys have really signed. */
function certify(changes: Partial<Certificate>): SignedCertificate {
  const value = { ...certificateCodec.decode(certificate[0]), ...changes }
  const [body, byMember] = signObject(
    primitives,
    'certificate',
    pool,
    member.signSeed,
    certificateCodec,
    value,
  )
  return [
    body,
    byMember,
    primitives.ed25519Sign(device.signSeed, signedBytes('certificate-device', pool, body)),
  ]
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const out = Uint8Array.from(bytes)
  out[at % out.length]! ^= 1 << (at % 8)
  return out
}

test('a record and a certificate verify', () => {
  const verified = verifyMemberRecord(primitives, pool, signRecord())
  expect(verified.record.name).toBe('alice')
  expect(Buffer.from(verified.memberId)).toEqual(Buffer.from(member.memberId))
  const { label, device: id } = verifyCertificate(primitives, pool, member.signPublic, certificate)
  expect(label).toBe('laptop')
  expect(Buffer.from(id)).toEqual(Buffer.from(device.deviceId))
})

test('attack 2: a device without the signature of its member is refused', () => {
  const forged = issueCertificate(primitives, pool, { ...member, signSeed: other.signSeed }, device, terms)
  expect(() => verifyCertificate(primitives, pool, member.signPublic, forged)).toThrow(UntrustedError)
})

test('a device that has not signed its certificate is refused', () => {
  const [body, byMember] = certificate
  const byOther = primitives.ed25519Sign(other.signSeed, signedBytes('certificate-device', pool, body))
  expect(() => verifyCertificate(primitives, pool, member.signPublic, [body, byMember, byOther])).toThrow(
    UntrustedError,
  )
  // Nor does one signature stand for the other.
  expect(() => verifyCertificate(primitives, pool, member.signPublic, [body, byMember, byMember])).toThrow(
    UntrustedError,
  )
})

test('another pool, member, device id is refused', () => {
  const verify = (signed: SignedCertificate) => verifyCertificate(primitives, pool, member.signPublic, signed)
  expect(() => verifyCertificate(primitives, random.bytes(32), member.signPublic, certificate)).toThrow(
    UntrustedError,
  )
  expect(() => verifyCertificate(primitives, pool, other.signPublic, certificate)).toThrow(UntrustedError)
  expect(() => verify(certify({ pool: random.bytes(32) }))).toThrow(UntrustedError)
  expect(() => verify(certify({ member: other.memberId }))).toThrow(UntrustedError)
  expect(() => verify(certify({ device: random.bytes(16) }))).toThrow(UntrustedError)
})

test('attack 33: small-order keys are not enrolled, by anybody', () => {
  const verify = (signed: SignedCertificate) => verifyCertificate(primitives, pool, member.signPublic, signed)
  expect(() => verify(certify({ net: SMALL_ORDER }))).toThrow(UntrustedError)
  expect(() => verify(certify({ enc: SMALL_ORDER }))).toThrow(UntrustedError)
  expect(() => verify(certify({ sign: SMALL_ORDER }))).toThrow(UntrustedError)
  expect(() => verifyMemberRecord(primitives, pool, signRecord({ enc: [[1, SMALL_ORDER]] }))).toThrow(
    UntrustedError,
  )
  // R = the identity, S = 0: a verifier without a check of its own takes this under the identity for every message.
  const body = memberRecordCodec.encode({ ...record, sign: SMALL_ORDER })
  const universal = new Uint8Array(64)
  universal[0] = 1
  expect(() => verifyMemberRecord(primitives, pool, [body, universal])).toThrow(UntrustedError)
})

test('attack 33: S is below L', () => {
  const [body, signature] = signRecord()
  const L = 2n ** 252n + 27742317777372353535851937790883648493n
  let s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + L
  const raised = Uint8Array.from(signature)
  for (let i = 32; i < 64; i++, s >>= 8n) raised[i] = Number(s & 255n)
  expect(() => verifyMemberRecord(primitives, pool, [body, raised])).toThrow(UntrustedError)
})

test('a record signed by another key, for another pool, or with odd fields is refused', () => {
  expect(() => verifyMemberRecord(primitives, pool, signRecord({}, other.signSeed))).toThrow(UntrustedError)
  expect(() => verifyMemberRecord(primitives, random.bytes(32), signRecord())).toThrow(UntrustedError)
  for (const name of ['al', 'Alice', 'a b c', 'x'.repeat(33), 'älice'])
    expect(() => verifyMemberRecord(primitives, pool, signRecord({ name })), name).toThrow(MalformedError)
  const key = enc.publicKey
  for (const enc of [
    [],
    [[0, key]],
    [
      [2, key],
      [1, key],
    ],
    [
      [1, key],
      [1, key],
    ],
  ] as MemberRecord['enc'][])
    expect(() => verifyMemberRecord(primitives, pool, signRecord({ enc }))).toThrow(MalformedError)
})

test('a certificate lives until notAfter, for two years at most', () => {
  const { notAfter, ...rest } = certificateCodec.decode(certificate[0])
  checkCertificateLife({ ...rest, notAfter }, notAfter)
  expect(() => checkCertificateLife({ ...rest, notAfter }, notAfter + 1)).toThrow(DeniedError)
  const far = NOW + MAX_CERTIFICATE_SECONDS + 2 * 24 * 3_600
  expect(() => checkCertificateLife({ ...rest, notAfter: far }, NOW)).toThrow(UntrustedError)
})

test('fuzz: a changed bit anywhere is refused', () => {
  const signed = signRecord()
  fc.assert(
    fc.property(fc.nat(), fc.nat(2), (at, part) => {
      const changed = certificate.map((bytes, i) => (i === part ? flip(bytes, at) : bytes)) as unknown
      expect(() =>
        verifyCertificate(primitives, pool, member.signPublic, changed as SignedCertificate),
      ).toThrow(UntrustedError)
      const record = signed.map((bytes, i) => (i === part % 2 ? flip(bytes, at) : bytes)) as unknown
      expect(() => verifyMemberRecord(primitives, pool, record as Signed)).toThrow(AllmendError)
    }),
    { numRuns: Math.ceil(Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) / 10) },
  )
})
