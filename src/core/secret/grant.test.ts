import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../open/bytes.ts'
import { decoderConformance } from '../open/decoder.conformance.ts'
import { AllmendError, MalformedError, UntrustedError, UsageError } from '../open/errors.ts'
import type { Grant } from '../open/objects/change.ts'
import { ALL_RIGHTS, MAX_SEALED_KEYS_BYTES, RIGHT } from '../open/objects/change.ts'
import { encodeCbor } from '../open/schema.ts'
import { grantContext, hpkeInfo } from './context.ts'
import { grantedKeysCodec, openGrant, sealGrant } from './grant.ts'
import { hpkeDeriveKeyPair, hpkeSeal } from './hpke.ts'
import { rootKeys } from './key-tree.ts'

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const place = { pool: random.bytes(32), space: random.bytes(32), issuer: random.bytes(32) }
const grantee = await hpkeDeriveKeyPair(primitives, random.bytes(32))
const keys = rootKeys(random)
const dedup = { epoch: 70_000, secret: random.bytes(32) }
const terms = {
  id: random.bytes(16),
  node: random.bytes(16),
  gen: 1,
  grantee: random.bytes(32),
  encGen: 1,
  rights: ALL_RIGHTS,
  notAfter: 1_900_000_000,
}
const grant = await sealGrant(primitives, place, terms, grantee.publicKey, keys, dedup)

decoderConformance({
  name: 'granted keys',
  examples: [
    { mk: keys.mk },
    { mk: keys.mk, ck: keys.ck },
    { mk: keys.mk, ck: keys.ck, dedup: [dedup.epoch, dedup.secret] as const },
  ].map((granted) => grantedKeysCodec.encode(granted)),
  decode: (encoded) => grantedKeysCodec.decode(encoded),
  encode: (granted) => grantedKeysCodec.encode(granted),
})

/** A grant with a plaintext of the issuer's making. */
async function forge(plaintext: Map<number, unknown>, rights = ALL_RIGHTS): Promise<Grant> {
  const context = grantContext({ ...place, ...terms }, { ...place, ...terms, rights })
  const sealed = await hpkeSeal(grantee.publicKey, hpkeInfo('grant', context), encodeCbor(plaintext))
  return { ...grant, rights, sealed }
}

test('a grant gives what its rights open, and no more', async () => {
  const shown = async (rights: number) => {
    const grant = await sealGrant(primitives, place, { ...terms, rights }, grantee.publicKey, keys, dedup)
    expect(grant.sealed.length).toBeLessThanOrEqual(MAX_SEALED_KEYS_BYTES)
    const opened = await openGrant(primitives, place, grant, grantee.secretKey)
    expect(toHex(opened.keys.mk)).toBe(toHex(keys.mk))
    return [opened.keys.ck !== undefined, opened.dedup !== undefined]
  }
  expect(await shown(RIGHT.read)).toEqual([false, false])
  expect(await shown(RIGHT.download)).toEqual([true, false])
  expect(await shown(RIGHT.share)).toEqual([true, false])
  expect(await shown(RIGHT.write)).toEqual([true, true])
  expect(await shown(ALL_RIGHTS)).toEqual([true, true])
  const opened = await openGrant(primitives, place, grant, grantee.secretKey)
  expect(toHex(opened.keys.ck!)).toBe(toHex(keys.ck))
  expect(opened.dedup?.epoch).toBe(70_000)
  expect(toHex(opened.dedup!.secret)).toBe(toHex(dedup.secret))
})

test('changed terms, another place or another grantee refuse', async () => {
  const refuse = async (at: typeof place, changed: Grant, secret = grantee.secretKey) =>
    expect(openGrant(primitives, at, changed, secret)).rejects.toThrow(UntrustedError)
  await refuse(place, { ...grant, rights: RIGHT.write })
  await refuse(place, { ...grant, node: random.bytes(16) })
  await refuse(place, { ...grant, gen: 2 })
  await refuse(place, { ...grant, grantee: random.bytes(32) })
  await refuse(place, { ...grant, encGen: 2 })
  await refuse(place, { ...grant, notAfter: undefined })
  await refuse(place, { ...grant, notAfter: 2_000_000_000 })
  await refuse({ ...place, pool: random.bytes(32) }, grant)
  await refuse({ ...place, space: random.bytes(32) }, grant)
  await refuse({ ...place, issuer: random.bytes(32) }, grant)
  await refuse(place, grant, (await hpkeDeriveKeyPair(primitives, random.bytes(32))).secretKey)
})

test('attack 20: keys other than the committed ones are refused', async () => {
  const other = rootKeys(random)
  const whole = { 0: keys.mk, 1: keys.ck, 2: [0, dedup.secret] }
  const forged = (changes: object) =>
    forge(new Map(Object.entries({ ...whole, ...changes }).map(([key, value]) => [Number(key), value])))
  await openGrant(primitives, place, await forged({}), grantee.secretKey)
  for (const changes of [{ 0: other.mk }, { 1: other.ck }])
    await expect(openGrant(primitives, place, await forged(changes), grantee.secretKey)).rejects.toThrow(
      UntrustedError,
    )
})

test('a grant whose keys do not fit its rights is refused', async () => {
  const refuse = async (
    plaintext: Map<number, unknown>,
    rights: number,
    error: typeof UntrustedError | typeof MalformedError = UntrustedError,
  ) =>
    expect(openGrant(primitives, place, await forge(plaintext, rights), grantee.secretKey)).rejects.toThrow(
      error,
    )
  await refuse(new Map([[0, keys.mk]]), RIGHT.download)
  await refuse(
    new Map([
      [0, keys.mk],
      [1, keys.ck],
    ]),
    RIGHT.read,
  )
  await refuse(
    new Map([
      [0, keys.mk],
      [1, keys.ck],
    ]),
    RIGHT.write,
  )
  await refuse(
    new Map<number, unknown>([
      [0, keys.mk],
      [1, keys.ck],
      [2, [0, dedup.secret]],
    ]),
    RIGHT.download,
  )
  await refuse(
    new Map([
      [0, keys.mk],
      [7, keys.ck],
    ]),
    RIGHT.read,
    MalformedError,
  )
})

test('a writer needs the deduplication secret', async () => {
  await expect(sealGrant(primitives, place, terms, grantee.publicKey, keys)).rejects.toThrow(UsageError)
})

test('fuzz: granted keys of any content are typed errors or keys that fit', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 120 }), async (plaintext) => {
      const context = grantContext({ ...place, ...terms }, { ...place, ...terms })
      const sealed = await hpkeSeal(grantee.publicKey, hpkeInfo('grant', context), plaintext)
      await expect(
        openGrant(primitives, place, { ...grant, sealed }, grantee.secretKey),
      ).rejects.toBeInstanceOf(AllmendError)
    }),
    // A millisecond each, for two key agreements.
    { numRuns: Math.ceil(Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) / 10) },
  )
})
