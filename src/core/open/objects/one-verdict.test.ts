import { webcrypto } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../../adapters/native/node-primitives.ts'
import { concatBytes } from '../bytes.ts'
import { checkSigningKey } from './curve-key.ts'

const L = 2n ** 252n + 27742317777372353535851937790883648493n
const TORSION = ed25519.Point.fromHex(
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  true,
)

const fromLittleEndian = (bytes: Uint8Array) =>
  BigInt(`0x${Buffer.from(Uint8Array.from(bytes)).reverse().toString('hex')}`)
const littleEndian = (value: bigint) =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n))

async function webCryptoVerify(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const imported = await webcrypto.subtle.importKey('raw', Uint8Array.from(key), 'Ed25519', false, ['verify'])
  return webcrypto.subtle.verify('Ed25519', imported, Uint8Array.from(signature), Uint8Array.from(message))
}

/** A signature with R = rB + torsion: right for verifiers that multiply by the cofactor, wrong for the others. */
function torsionSignature(seed: Uint8Array, message: Uint8Array): Uint8Array {
  const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(seed)
  const nonce = 12_345n
  const commitment = ed25519.Point.BASE.multiply(nonce).add(TORSION).toBytes()
  const challenge = fromLittleEndian(primitives.sha512(concatBytes(commitment, pointBytes, message))) % L
  return concatBytes(commitment, littleEndian((nonce + challenge * scalar) % L))
}

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('attack 33: under an enrolled key all verifiers agree on every signature', async () => {
  await fc.assert(
    fc.asyncProperty(
      bytes32,
      fc.uint8Array({ maxLength: 64 }),
      fc.nat(512),
      fc.boolean(),
      async (seed, message, bit, raise) => {
        const key = ed25519.getPublicKey(seed)
        checkSigningKey(key)
        const signature = Uint8Array.from(primitives.ed25519Sign(seed, message))
        if (raise) signature.set(littleEndian(fromLittleEndian(signature.subarray(32)) + L), 32)
        if (bit < 512) signature[bit >> 3]! ^= 1 << (bit & 7)
        const ours = primitives.ed25519Verify(key, message, signature)
        expect(ours).toBe(!raise && bit === 512)
        expect(await webCryptoVerify(key, message, signature)).toBe(ours)
        expect(ed25519.verify(signature, message, key, { zip215: false })).toBe(ours)
      },
    ),
    { numRuns: 300, examples: [[new Uint8Array(32), new Uint8Array(0), 512, false]] },
  )
})

test('attack 33: a commitment with a torsion component is wrong, here and in WebCrypto', async () => {
  await fc.assert(
    fc.asyncProperty(bytes32, fc.uint8Array({ maxLength: 64 }), async (seed, message) => {
      const key = ed25519.getPublicKey(seed)
      const signature = torsionSignature(seed, message)
      expect(ed25519.verify(signature, message, key, { zip215: true })).toBe(true)
      expect(primitives.ed25519Verify(key, message, signature)).toBe(false)
      expect(await webCryptoVerify(key, message, signature)).toBe(false)
    }),
    { numRuns: 30 },
  )
})
