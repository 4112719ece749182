import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { concatBytes, toHex } from '../open/bytes.ts'
import { decoderConformance } from '../open/decoder.conformance.ts'
import { AllmendError, DeniedError, MalformedError, UntrustedError, UsageError } from '../open/errors.ts'
import type { Argon2Cost } from '../open/primitives.ts'
import { encodeCbor } from '../open/schema.ts'
import { createDeviceKeys } from './device-keys.ts'
import type { KeystoreContents } from './keystore-contents.ts'
import { decodeContents, encodeContents } from './keystore-contents.ts'
import { createKeystore, openKeystore, rewrapKeystore, updateKeystore } from './keystore.ts'
import { deriveMemberKeys, memberDedupSecret, memberEnc } from './member-keys.ts'

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const entropy = random.bytes(32)
const member = deriveMemberKeys(primitives, entropy)
/** The cheapest that is allowed, since what it costs isn't tested. */
const COST: Argon2Cost = { memoryKiB: 64 * 1024, passes: 3, parallelism: 1 }
const contents: KeystoreContents = {
  pool: new Uint8Array(32),
  member: member.memberId,
  name: 'alice',
  memberSign: member.signPublic,
  device: await createDeviceKeys(primitives, random),
  enc: [{ generation: 1, ...(await memberEnc(primitives, entropy, 1)) }],
  dedup: [{ generation: 1, secret: memberDedupSecret(primitives, entropy, 1) }],
  vault: member.vaultSeed,
}
const passphrase = { passphrase: 'correct horse' }
const unlockKey = { unlockKey: random.bytes(32) }
let byPassphrase: Uint8Array
let byKey: Uint8Array

beforeAll(async () => {
  byPassphrase = await createKeystore(primitives, contents, passphrase, random, COST)
  byKey = await createKeystore(primitives, contents, unlockKey, random)
})

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}
const open = async (file: Uint8Array, way = unlockKey as Parameters<typeof openKeystore>[2]) =>
  plain(await openKeystore(primitives, file, way))

/** A keystore file with other cost parameters in it. */
function withCost(cost: Argon2Cost): Uint8Array {
  const costMap = new Map<number, unknown>([
    [0, cost.memoryKiB],
    [1, cost.passes],
    [2, cost.parallelism],
    [3, random.bytes(32)],
  ])
  const wrap = new Map<number, unknown>([
    [0, 1],
    [1, costMap],
    [2, random.bytes(112)],
  ])
  return encodeCbor(
    new Map<number, unknown>([
      [0, 1],
      [1, 1],
      [2, [wrap]],
      [3, random.bytes(500)],
    ]),
  )
}

decoderConformance({
  name: 'keystore contents',
  examples: [encodeContents(contents)],
  decode: (bytes) => decodeContents(primitives, bytes),
  encode: encodeContents,
})

test('contents come back by passphrase and by key', async () => {
  expect(await open(byPassphrase, passphrase)).toEqual(plain(contents))
  expect(await open(byKey)).toEqual(plain(contents))
})

test('the signing key of the member is not in it', () => {
  const encoded = toHex(encodeContents(contents))
  expect(encoded).not.toContain(toHex(member.signSeed))
  expect(encoded).not.toContain(toHex(entropy))
})

test('a wrong passphrase or key is denied; another way is told apart', async () => {
  await expect(open(byPassphrase, { passphrase: 'correct horsf' })).rejects.toThrow(DeniedError)
  await expect(open(byKey, { unlockKey: random.bytes(32) })).rejects.toThrow(DeniedError)
  await expect(open(byKey, passphrase)).rejects.toThrow(UsageError)
  await expect(open(byPassphrase)).rejects.toThrow(UsageError)
})

test('a passphrase is the same in both normal forms, and never empty', async () => {
  const file = await createKeystore(primitives, contents, { passphrase: 'caf\u00e9' }, random, COST)
  expect(await open(file, { passphrase: 'cafe\u0301' })).toEqual(plain(contents))
  await expect(createKeystore(primitives, contents, { passphrase: '' }, random, COST)).rejects.toThrow(
    UsageError,
  )
})

test.each<[string, Argon2Cost]>([
  ['m = 8 KiB', { memoryKiB: 8, passes: 3, parallelism: 4 }],
  ['m below 64 MiB', { memoryKiB: 64 * 1024 - 1, passes: 3, parallelism: 4 }],
  ['m = 64 GiB', { memoryKiB: 64 * 1024 * 1024, passes: 3, parallelism: 4 }],
  ['m above 1 GiB', { memoryKiB: 1024 * 1024 + 1, passes: 3, parallelism: 4 }],
  ['t = 2', { memoryKiB: 256 * 1024, passes: 2, parallelism: 4 }],
  ['t = 11', { memoryKiB: 256 * 1024, passes: 11, parallelism: 4 }],
  ['p = 0', { memoryKiB: 256 * 1024, passes: 3, parallelism: 0 }],
  ['p = 17', { memoryKiB: 256 * 1024, passes: 3, parallelism: 17 }],
])('attack 31: a keystore with %s is refused before any work', async (_, cost) => {
  let derivations = 0
  const counting = {
    ...primitives,
    argon2id: () => {
      derivations++
      return Promise.resolve(random.bytes(32))
    },
  }
  await expect(openKeystore(counting, withCost(cost), passphrase)).rejects.toThrow(MalformedError)
  await expect(createKeystore(counting, contents, passphrase, random, cost)).rejects.toThrow(MalformedError)
  expect(derivations).toBe(0)
})

test('attack 15: changed cost parameters within the limits do not open', async () => {
  const at = Buffer.from(byPassphrase).indexOf(Buffer.from('1a00010000', 'hex'))
  const weaker = Uint8Array.from(byPassphrase)
  weaker[at + 4] = 1
  await expect(open(weaker, passphrase)).rejects.toThrow(DeniedError)
})

test('rewrapping keeps the contents byte for byte, and the old way no longer opens', async () => {
  const next = { unlockKey: random.bytes(32) }
  const file = await rewrapKeystore(primitives, byKey, unlockKey, [next], random)
  const tail = byKey.subarray(byKey.length - 400)
  expect(toHex(file.subarray(file.length - 400))).toBe(toHex(tail))
  expect(await open(file, next)).toEqual(plain(contents))
  await expect(open(file)).rejects.toThrow(DeniedError)
  await expect(rewrapKeystore(primitives, byKey, next, [next], random)).rejects.toThrow(DeniedError)
  await expect(rewrapKeystore(primitives, byKey, unlockKey, [], random)).rejects.toThrow(UsageError)
})

test('two ways open the same contents, and updating keeps both', async () => {
  const both = await rewrapKeystore(primitives, byKey, unlockKey, [unlockKey, passphrase], random, COST)
  const joined = { ...contents, pool: random.bytes(32) }
  const updated = await updateKeystore(primitives, both, unlockKey, joined, random)
  expect(await open(updated)).toEqual(plain(joined))
  expect(await open(updated, passphrase)).toEqual(plain(joined))
})

test('fuzz: a changed byte or a cut anywhere is a typed error', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(byKey.length * 8 - 1), fc.nat(byKey.length - 1), async (bit, cut) => {
      const flipped = Uint8Array.from(byKey)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      await expect(openKeystore(primitives, flipped, unlockKey)).rejects.toBeInstanceOf(AllmendError)
      await expect(openKeystore(primitives, byKey.subarray(0, cut), unlockKey)).rejects.toThrow(
        MalformedError,
      )
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})

test('fuzz: arbitrary bytes are malformed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 700 }), async (bytes) => {
      await expect(openKeystore(primitives, bytes, unlockKey)).rejects.toThrow(MalformedError)
      // The beginning of a keystore, and anything behind.
      const file = concatBytes(Uint8Array.of(0xa4, 0, 1, 1, 1, 2, 0x81), bytes)
      await expect(openKeystore(primitives, file, unlockKey)).rejects.toThrow(MalformedError)
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})

test('changed contents are untrusted', async () => {
  const changed = Uint8Array.from(byKey)
  changed[changed.length - 1]! ^= 1
  await expect(open(changed)).rejects.toThrow(UntrustedError)
})
