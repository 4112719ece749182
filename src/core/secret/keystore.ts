/**
 * The keystore: a device's keys at rest (docs/spec/keystore.md). Invariants:
 * - contents are boxed under a random key, which is boxed once for each way of unlocking: a passphrase through Argon2id, or a
 *   32-byte key in a file of an unattended node. Ways can be changed without touching the contents, and the reverse.
 * - the cost parameters are bounded before any work, and bound into the box: a changed file neither weakens nor stalls.
 * - the member's signing key is never in it.
 */
import { utf8 } from '../open/bytes.ts'
import { DeniedError, MalformedError, UsageError, UntrustedError } from '../open/errors.ts'
import { suiteField, SUITE } from '../open/objects/suite.ts'
import type { Argon2Cost, Primitives } from '../open/primitives.ts'
import type { RandomSource } from '../open/random-source.ts'
import type { ValueOf } from '../open/schema.ts'
import { array, bytes, bytesUpTo, codec, oneOf, optional, struct, uint } from '../open/schema.ts'
import { BOX_OVERHEAD, BOX_SALT_BYTES, box, unbox } from './box.ts'
import { keystoreContext, keystoreKeyContext } from './context.ts'
import type { KeystoreContents } from './keystore-contents.ts'
import { MAX_CONTENTS_BYTES, decodeContents, encodeContents } from './keystore-contents.ts'

/** How a keystore is unlocked. */
export type Protection = { readonly passphrase: string } | { readonly unlockKey: Uint8Array }

/** 0.4 s on a 2026 server core. */
const DEFAULT_COST: Argon2Cost = { memoryKiB: 256 * 1024, passes: 3, parallelism: 4 }
/** Below, guessing is cheap; above, opening a hostile file would take the machine down. */
const MEMORY_KIB = { min: 64 * 1024, max: 1024 * 1024 }
const PASSES = { min: 3, max: 10 }
const PARALLELISM = { min: 1, max: 16 }

const KIND_PASSPHRASE = 1
const KIND_UNLOCK_KEY = 2
/** Passphrase, unattended key, and room for an OS keyring and some security keys. */
const MAX_WRAPS = 8

const costField = struct({
  memoryKiB: [0, uint(MEMORY_KIB.max)],
  passes: [1, uint(PASSES.max)],
  parallelism: [2, uint(PARALLELISM.max)],
  salt: [3, bytes(32)],
})
const wrapField = struct({
  kind: [0, oneOf([KIND_PASSPHRASE, KIND_UNLOCK_KEY])],
  cost: [1, optional(costField)],
  key: [2, bytes(32 + BOX_OVERHEAD)],
})
type Wrap = ValueOf<typeof wrapField>

const keystoreCodec = codec(
  'keystore',
  struct({
    v: [0, oneOf([1])],
    suite: [1, suiteField],
    wraps: [2, array(wrapField, MAX_WRAPS)],
    contents: [3, bytesUpTo(MAX_CONTENTS_BYTES + BOX_OVERHEAD)],
  }),
  MAX_CONTENTS_BYTES + 4_096,
)
type Keystore = ReturnType<typeof keystoreCodec.decode>

function checkCost({ memoryKiB, passes, parallelism }: Argon2Cost): void {
  const within = (value: number, { min, max }: { min: number; max: number }) =>
    Number.isSafeInteger(value) && value >= min && value <= max
  if (!within(memoryKiB, MEMORY_KIB) || !within(passes, PASSES) || !within(parallelism, PARALLELISM))
    throw new MalformedError('a keystore whose Argon2id cost is outside of the limits', {
      memoryKiB,
      passes,
      parallelism,
    })
}

function parse(file: Uint8Array): Keystore {
  const keystore = keystoreCodec.decode(file)
  if (keystore.wraps.length === 0) throw new MalformedError('a keystore that nothing unlocks')
  for (const { kind, cost } of keystore.wraps) {
    if ((kind === KIND_PASSPHRASE) !== (cost !== undefined))
      throw new MalformedError('a passphrase has a cost, a key has none')
    if (cost !== undefined) checkCost(cost)
  }
  return keystore
}

/** The key of a protection. Passphrases count as UTF-8 of their NFKC form, so that all keyboards give the same bytes. */
async function unlockKeyOf(
  primitives: Primitives,
  protection: Protection,
  cost: Wrap['cost'],
): Promise<Uint8Array> {
  if ('unlockKey' in protection) return protection.unlockKey
  if (cost === undefined) throw new UsageError('a passphrase needs a cost')
  return primitives.argon2id(utf8(protection.passphrase.normalize('NFKC')), cost.salt, cost)
}

async function wrap(
  primitives: Primitives,
  key: Uint8Array,
  protection: Protection,
  random: RandomSource,
  cost: Argon2Cost,
): Promise<Wrap> {
  const byPassphrase = 'passphrase' in protection
  if (byPassphrase && protection.passphrase === '') throw new UsageError('a passphrase is not empty')
  if (byPassphrase) checkCost(cost)
  const kdf = byPassphrase ? { ...cost, salt: random.bytes(32) } : undefined
  const wrapping = await unlockKeyOf(primitives, protection, kdf)
  const boxed = box(
    primitives,
    wrapping,
    'keystore-key',
    keystoreKeyContext(kdf),
    key,
    random.bytes(BOX_SALT_BYTES),
  )
  return { kind: byPassphrase ? KIND_PASSPHRASE : KIND_UNLOCK_KEY, cost: kdf, key: boxed }
}

/** The random key under which the contents are boxed; DeniedError when no wrap of the protection's kind opens. */
async function unwrap(
  primitives: Primitives,
  keystore: Keystore,
  protection: Protection,
): Promise<Uint8Array> {
  const kind = 'passphrase' in protection ? KIND_PASSPHRASE : KIND_UNLOCK_KEY
  const wraps = keystore.wraps.filter((candidate) => candidate.kind === kind)
  if (wraps.length === 0)
    throw new UsageError(
      `this keystore isn't unlocked by a ${kind === KIND_PASSPHRASE ? 'passphrase' : 'key file'}`,
    )
  for (const { cost, key } of wraps) {
    const wrapping = await unlockKeyOf(primitives, protection, cost)
    try {
      return unbox(primitives, wrapping, 'keystore-key', keystoreKeyContext(cost), key)
    } catch (error) {
      if (!(error instanceof UntrustedError)) throw error
    }
  }
  throw new DeniedError('the passphrase or key is wrong, or the keystore was changed')
}

function boxContents(
  primitives: Primitives,
  key: Uint8Array,
  contents: KeystoreContents,
  random: RandomSource,
): Uint8Array {
  const plaintext = encodeContents(contents)
  return box(primitives, key, 'keystore', keystoreContext(), plaintext, random.bytes(BOX_SALT_BYTES))
}

/** A new keystore file for these contents. */
export async function createKeystore(
  primitives: Primitives,
  contents: KeystoreContents,
  protection: Protection,
  random: RandomSource,
  cost: Argon2Cost = DEFAULT_COST,
): Promise<Uint8Array> {
  const key = random.bytes(32)
  return keystoreCodec.encode({
    v: 1,
    suite: SUITE,
    wraps: [await wrap(primitives, key, protection, random, cost)],
    contents: boxContents(primitives, key, contents, random),
  })
}

/** Throws MalformedError (form, cost limits), DeniedError (wrong passphrase or key), UntrustedError (contents changed). */
export async function openKeystore(
  primitives: Primitives,
  file: Uint8Array,
  protection: Protection,
): Promise<KeystoreContents> {
  const keystore = parse(file)
  const key = await unwrap(primitives, keystore, protection)
  return decodeContents(primitives, unbox(primitives, key, 'keystore', keystoreContext(), keystore.contents))
}

/** The same keystore with other contents; all ways of unlocking stay. */
export async function updateKeystore(
  primitives: Primitives,
  file: Uint8Array,
  protection: Protection,
  contents: KeystoreContents,
  random: RandomSource,
): Promise<Uint8Array> {
  const keystore = parse(file)
  const key = await unwrap(primitives, keystore, protection)
  return keystoreCodec.encode({ ...keystore, contents: boxContents(primitives, key, contents, random) })
}

/** The same contents, byte for byte, unlocked in exactly these new ways: a changed passphrase, a further key file. */
export async function rewrapKeystore(
  primitives: Primitives,
  file: Uint8Array,
  protection: Protection,
  next: readonly Protection[],
  random: RandomSource,
  cost: Argon2Cost = DEFAULT_COST,
): Promise<Uint8Array> {
  const keystore = parse(file)
  if (next.length === 0) throw new UsageError('a keystore needs a way of being unlocked')
  const key = await unwrap(primitives, keystore, protection)
  const wraps: Wrap[] = []
  for (const way of next) wraps.push(await wrap(primitives, key, way, random, cost))
  return keystoreCodec.encode({ ...keystore, wraps })
}
