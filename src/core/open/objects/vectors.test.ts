import { expect, test } from 'vitest'
import identity from '../../../../vectors/identity.json' with { type: 'json' }
import operation from '../../../../vectors/operation.json' with { type: 'json' }
import { nodePrimitives as primitives } from '../../../adapters/native/node-primitives.ts'
import { fromHex, toHex } from '../bytes.ts'
import { AllmendError, MalformedError } from '../errors.ts'
import { changeCodec, changeId, checkChange } from './change.ts'
import type { SignedCertificate } from './identity.ts'
import { admitCodec, genesisCodec, inviteHash, memberRecordId, poolIdOf } from './identity.ts'
import { changesRoot, emptyHead, operationCodec, operationId, spaceIdOf } from './operation.ts'
import { openSigned } from './signed.ts'
import { verifyCertificate, verifyMemberRecord } from './verify-identity.ts'

/** The bytes of a hexadecimal string of the vectors. */
function b(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new Error(`not hexadecimal: ${hex}`)
  return bytes
}

test('vectors/operation.json', () => {
  for (const { what, encoded, id } of operation.changes) {
    const change = changeCodec.decode(b(encoded))
    expect(() => checkChange(change), what).not.toThrow()
    expect(toHex(changeCodec.encode(change)), what).toBe(encoded)
    expect(toHex(changeId(primitives, b(encoded)))).toBe(id)
  }
  for (const { what, encoded } of operation.refused)
    expect(() => checkChange(changeCodec.decode(b(encoded))), what).toThrow(MalformedError)
  for (const { changes, root, body, signature, id, spaceId } of operation.operations) {
    const signed = [b(body), b(signature)] as const
    const [pool, signer] = [b(operation.pool), b(operation.signPublic)]
    const opened = openSigned(primitives, 'operation', pool, signer, operationCodec, signed)
    expect(toHex(opened.root)).toBe(root)
    expect(toHex(changesRoot(primitives, changes.map(b)))).toBe(root)
    expect(toHex(opened.head.root)).toBe(toHex(emptyHead(primitives).root))
    expect(toHex(operationId(primitives, b(body)))).toBe(id)
    if (spaceId !== null) expect(toHex(spaceIdOf(primitives, b(body)))).toBe(spaceId)
    expect(() => openSigned(primitives, 'admit', pool, signer, operationCodec, signed)).toThrow(AllmendError)
  }
})

test('vectors/identity.json', () => {
  const pool = b(identity.genesis.pool)
  const genesis = b(identity.genesis.encoded)
  expect(toHex(poolIdOf(primitives, genesis))).toBe(identity.genesis.pool)
  expect(genesisCodec.decode(genesis).admins.map(toHex)).toEqual([identity.record.memberId])

  const { body, signature, memberId, recordId, name } = identity.record
  const verified = verifyMemberRecord(primitives, pool, [b(body), b(signature)])
  expect([verified.record.name, toHex(verified.memberId)]).toEqual([name, memberId])
  expect(toHex(memberRecordId(primitives, b(body)))).toBe(recordId)
  for (const { what, body, signature } of identity.refusedRecords)
    expect(() => verifyMemberRecord(primitives, pool, [b(body), b(signature)]), what).toThrow(AllmendError)

  const memberSign = b(identity.certificate.memberSign)
  const signed = (item: { body: string; byMember: string; byDevice: string }): SignedCertificate => [
    b(item.body),
    b(item.byMember),
    b(item.byDevice),
  ]
  const certificate = verifyCertificate(primitives, pool, memberSign, signed(identity.certificate))
  expect([toHex(certificate.device), certificate.label]).toEqual([identity.certificate.device, 'laptop'])
  for (const { what, ...item } of identity.refusedCertificates)
    expect(() => verifyCertificate(primitives, pool, memberSign, signed(item)), what).toThrow(AllmendError)

  const { inviteSecret, mac, device } = identity.admit
  const admit = openSigned(primitives, 'admit', pool, b(device.signPublic), admitCodec, [
    b(identity.admit.body),
    b(identity.admit.signature),
  ])
  expect(toHex(admit.invite)).toBe(toHex(inviteHash(primitives, b(inviteSecret))))
  expect(toHex(admit.record)).toBe(recordId)
  expect(toHex(primitives.hmacSha256(b(inviteSecret), b(body)))).toBe(mac)
})
