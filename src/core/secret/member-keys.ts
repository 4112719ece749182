/**
 * A member's keys, all from the phrase: root = HKDF-Extract(salt "allmend/1/phrase", entropy), each key = Expand(label).
 * The signing seed exists only while the phrase is typed: it is never in a keystore, so a stolen device enrols none.
 */
import { utf8 } from '../open/bytes.ts'
import { UsageError } from '../open/errors.ts'
import { memberIdOf } from '../open/objects/identity.ts'
import { FIRST_ENC_GENERATION } from '../open/objects/verify-identity.ts'
import type { Primitives } from '../open/primitives.ts'
import type { HpkeKeyPair } from './hpke.ts'
import { hpkeDeriveKeyPair } from './hpke.ts'
import { ENTROPY_BYTES } from './phrase.ts'

export interface MemberKeys {
  readonly memberId: Uint8Array
  readonly signSeed: Uint8Array
  readonly signPublic: Uint8Array
  /** Key of the boxed backup of pins. */
  readonly vaultSeed: Uint8Array
}

const PHRASE_SALT = utf8('allmend/1/phrase')

function expand(primitives: Primitives, entropy: Uint8Array, label: string): Uint8Array {
  if (entropy.length !== ENTROPY_BYTES)
    throw new UsageError('a phrase holds 32 bytes', { length: entropy.length })
  return primitives.hkdf(entropy, PHRASE_SALT, utf8(label), 32)
}

function checkGeneration(generation: number): void {
  if (!Number.isSafeInteger(generation) || generation < FIRST_ENC_GENERATION)
    throw new UsageError('generations count from 1', { generation })
}

/** Signing key, id and vault key of the phrase with this entropy (32 bytes). */
export function deriveMemberKeys(primitives: Primitives, entropy: Uint8Array): MemberKeys {
  const signSeed = expand(primitives, entropy, 'member/sign')
  const signPublic = primitives.ed25519Public(signSeed)
  return {
    memberId: memberIdOf(primitives, signPublic),
    signSeed,
    signPublic,
    vaultSeed: expand(primitives, entropy, 'member/vault'),
  }
}

/** The X25519 pair of a generation (from 1) to which grants are sealed. */
export function memberEnc(
  primitives: Primitives,
  entropy: Uint8Array,
  generation: number,
): Promise<HpkeKeyPair> {
  checkGeneration(generation)
  return hpkeDeriveKeyPair(primitives, expand(primitives, entropy, `member/enc/${generation}`))
}

/** The secp256k1 key (32 bytes) that answers for the member's name in the ledger; as the signing seed, never kept. */
export function memberEvmKey(primitives: Primitives, entropy: Uint8Array): Uint8Array {
  return expand(primitives, entropy, 'member/evm')
}

/** The secret (32 bytes) of the member's own deduplication domain in a generation (from 1). */
export function memberDedupSecret(
  primitives: Primitives,
  entropy: Uint8Array,
  generation: number,
): Uint8Array {
  checkGeneration(generation)
  return expand(primitives, entropy, `member/dedup/${generation}`)
}
