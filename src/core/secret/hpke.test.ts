import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { fromHex, toHex } from '../open/bytes.ts'
import { UntrustedError } from '../open/errors.ts'
import { HPKE_OVERHEAD, hpkeDeriveKeyPair, hpkeOpen, hpkeSeal } from './hpke.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const pair = await hpkeDeriveKeyPair(primitives, new Uint8Array(randomBytes(32)))
const info = new Uint8Array(randomBytes(40))
const plaintext = new Uint8Array(randomBytes(64))
const sealed = await hpkeSeal(pair.publicKey, info, plaintext)

test('DeriveKeyPair gives the pair of RFC 9180 A.1.1', async () => {
  const ikm = fromHex('6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037')!
  const { publicKey, secretKey } = await hpkeDeriveKeyPair(primitives, ikm)
  expect(toHex(publicKey)).toBe('3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d')
  expect(toHex(secretKey)).toBe('4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8')
})

test("DeriveKeyPair agrees with the library's", async () => {
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM)
  await fc.assert(
    fc.asyncProperty(bytes32, async (ikm) => {
      const theirs = await suite.DeriveKeyPair(ikm, true)
      const ours = await hpkeDeriveKeyPair(primitives, ikm)
      expect(toHex(ours.secretKey)).toBe(toHex(await suite.SerializePrivateKey(theirs.privateKey)))
      expect(toHex(ours.publicKey)).toBe(toHex(await suite.SerializePublicKey(theirs.publicKey)))
    }),
    { numRuns: 50 },
  )
})

test('what is sealed opens with the key and the info', async () => {
  await fc.assert(
    fc.asyncProperty(bytes32, fc.uint8Array(), fc.uint8Array(), async (ikm, info, plaintext) => {
      const { publicKey, secretKey } = await hpkeDeriveKeyPair(primitives, ikm)
      const sealed = await hpkeSeal(publicKey, info, plaintext)
      expect(sealed).toHaveLength(plaintext.length + HPKE_OVERHEAD)
      expect(toHex(await hpkeOpen(secretKey, info, sealed))).toBe(toHex(plaintext))
    }),
    { numRuns: 50 },
  )
})

test('another key or info refuses', async () => {
  const other = await hpkeDeriveKeyPair(primitives, new Uint8Array(randomBytes(32)))
  await expect(hpkeOpen(other.secretKey, info, sealed)).rejects.toThrow(UntrustedError)
  await expect(hpkeOpen(pair.secretKey, info.slice(1), sealed)).rejects.toThrow(UntrustedError)
})

test('fuzz: a changed bit or a cut anywhere refuses', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(sealed.length * 8 - 1), fc.nat(sealed.length - 1), async (bit, cut) => {
      const flipped = Uint8Array.from(sealed)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      await expect(hpkeOpen(pair.secretKey, info, flipped)).rejects.toThrow(UntrustedError)
      await expect(hpkeOpen(pair.secretKey, info, sealed.subarray(0, cut))).rejects.toThrow(UntrustedError)
    }),
    // Half a millisecond each.
    { numRuns: Math.ceil(Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) / 10) },
  )
})

test('attack 33: nothing is sealed to, or opened from, a small-order key', async () => {
  await expect(hpkeSeal(new Uint8Array(32), info, plaintext)).rejects.toThrow(UntrustedError)
  const hostile = Uint8Array.from(sealed)
  hostile.fill(0, 0, 32)
  await expect(hpkeOpen(pair.secretKey, info, hostile)).rejects.toThrow(UntrustedError)
})
