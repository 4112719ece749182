import { createHmac } from 'node:crypto'
import { flipped } from './box.ts'
import { memberKeys } from './phrase.ts'
import type { Cbor } from './reference.ts'
import { H, bytes, cbor, deriveKeyPair, ed25519Public, hex, map, sign } from './reference.ts'

const IDENTITY = Uint8Array.of(1, ...new Uint8Array(31))

export function identityVectors() {
  const member = memberKeys(bytes('phrase'))
  const other = memberKeys(bytes('another phrase'))
  const genesis = cbor(
    map(
      [0, 1],
      [1, 1],
      [2, ed25519Public(bytes('log key'))],
      [3, [member.memberId]],
      [4, 0],
      [5, 1],
      [6, bytes('nonce')],
    ),
  )
  const pool = H('pool', genesis)

  const recordMap = (changes: Readonly<Record<number, Cbor>> = {}) =>
    cbor(
      map(
        ...(
          [
            [0, 1],
            [1, 'alice'],
            [2, member.signPublic],
            [3, [[1, member.enc(1).publicKey]]],
            [4, 1],
            [5, new Uint8Array(32)],
          ] as const
        ).map(([key, value]) => [key, changes[key] ?? value] as const),
      ),
    )
  const signRecord = (body: Uint8Array, seed = member.signSeed) => ({
    body: hex(body),
    signature: hex(sign('member', pool, seed, body)),
  })
  const record = recordMap()

  const signSeed = bytes('device sign')
  const signPublic = ed25519Public(signSeed)
  const device = H('device', signPublic).slice(0, 16)
  const certificateMap = (changes: Readonly<Record<number, Cbor>> = {}) =>
    cbor(
      map(
        ...(
          [
            [0, 1],
            [1, pool],
            [2, member.memberId],
            [3, device],
            [4, signPublic],
            [5, deriveKeyPair(bytes('device enc')).publicKey],
            [6, ed25519Public(bytes('device net'))],
            [7, 'laptop'],
            [8, 1_850_000_000],
            [9, 1],
          ] as const
        ).map(([key, value]) => [key, changes[key] ?? value] as const),
      ),
    )
  const certify = (body: Uint8Array, memberSeed = member.signSeed, deviceSeed = signSeed) => ({
    body: hex(body),
    byMember: hex(sign('certificate', pool, memberSeed, body)),
    byDevice: hex(sign('certificate-device', pool, deviceSeed, body)),
  })
  const certificate = certify(certificateMap())
  const inviteSecret = bytes('invite secret')
  const admit = cbor(
    map(
      [0, 1],
      [1, H('invite', inviteSecret)],
      [2, member.memberId],
      [3, H('member-record', record)],
      [4, other.memberId],
      [5, device],
    ),
  )
  const enc = member.enc(1).publicKey
  return {
    description: 'Genesis, members, devices, admission, docs/spec/identity.md.',
    genesis: { encoded: hex(genesis), pool: hex(pool) },
    record: {
      ...signRecord(record),
      memberId: hex(member.memberId),
      recordId: hex(H('member-record', record)),
      name: 'alice',
    },
    refusedRecords: [
      { what: 'signed by another key', ...signRecord(record, other.signSeed) },
      { what: 'a changed bit', ...signRecord(record), body: hex(flipped(record, 5)) },
      { what: 'a name with a capital', ...signRecord(recordMap({ 1: 'Alice' })) },
      { what: 'a name of two letters', ...signRecord(recordMap({ 1: 'al' })) },
      { what: 'no encryption key', ...signRecord(recordMap({ 3: [] })) },
      {
        what: 'generations that fall',
        ...signRecord(
          recordMap({
            3: [
              [2, enc],
              [1, enc],
            ],
          }),
        ),
      },
      { what: 'generation 0', ...signRecord(recordMap({ 3: [[0, enc]] })) },
      {
        what: 'an encryption key of small order',
        ...signRecord(recordMap({ 3: [[1, new Uint8Array(32)]] })),
      },
      {
        what: 'a signing key of small order, with the signature that fits every message',
        body: hex(recordMap({ 2: IDENTITY })),
        signature: hex(Uint8Array.of(...IDENTITY, ...new Uint8Array(32))),
      },
      { what: 'suite 2', ...signRecord(recordMap({ 0: 2 })) },
    ],
    certificate: { ...certificate, memberSign: hex(member.signPublic), device: hex(device), label: 'laptop' },
    refusedCertificates: [
      { what: "without the member's signature", ...certify(certificateMap(), other.signSeed) },
      {
        what: "without the device's signature",
        ...certify(certificateMap(), member.signSeed, other.signSeed),
      },
      {
        what: 'the signatures exchanged',
        ...certificate,
        byMember: certificate.byDevice,
        byDevice: certificate.byMember,
      },
      { what: 'for another pool', ...certify(certificateMap({ 1: bytes('other pool') })) },
      { what: 'for another member', ...certify(certificateMap({ 2: other.memberId })) },
      { what: 'with a device id of its own choice', ...certify(certificateMap({ 3: bytes('x', 16) })) },
      { what: 'a net key of small order', ...certify(certificateMap({ 6: IDENTITY })) },
      { what: 'an encryption key of small order', ...certify(certificateMap({ 5: new Uint8Array(32) })) },
      { what: 'a label of 33 bytes', ...certify(certificateMap({ 7: 'x'.repeat(33) })) },
    ],
    admit: {
      inviteSecret: hex(inviteSecret),
      mac: hex(createHmac('sha256', inviteSecret).update(record).digest()),
      body: hex(admit),
      device: { signPublic: hex(signPublic) },
      signature: hex(sign('admit', pool, signSeed, admit)),
    },
  }
}
