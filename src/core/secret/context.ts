/**
 * What a box or a sealed message is bound to: [suite, pool id, space, node, gen, version], then what its type adds (the table in
 * docs/spec/primitives.md). Invariants:
 * - what doesn't apply is the integer 0, so every type's context has one length and one order.
 * - `space` is the `space` field of the operation that carries the box: zeros in a genesis operation, whose hash is not known yet.
 */
import { tagged } from '../open/hash.ts'
import type { Argon2Cost } from '../open/primitives.ts'
import { SUITE } from '../open/objects/suite.ts'
import { encodeCbor } from '../open/schema.ts'
import type { Context } from './box.ts'

/** A node's generation. */
export interface GenerationPlace {
  readonly pool: Uint8Array
  readonly space: Uint8Array
  readonly node: Uint8Array
  readonly gen: number
}

/** A node's version, written by a device. */
export interface VersionPlace extends GenerationPlace {
  readonly version: number
  readonly device: Uint8Array
}

export interface GrantTerms {
  readonly grantee: Uint8Array
  readonly encGen: number
  readonly rights: number
  /** The issuer's member id. */
  readonly issuer: Uint8Array
  readonly notAfter?: number | undefined
}

function generation({ pool, space, node, gen }: GenerationPlace, version = 0): Context {
  return [SUITE, pool, space, node, gen, version]
}

/** For `meta` and `manifest`: the place and the author's device. */
export function versionContext(place: VersionPlace): Context {
  return [...generation(place, place.version), place.device]
}

/** For `back-m` and `back-c`: `place.gen` is the new generation. */
export function backContext(place: GenerationPlace, oldGen: number): Context {
  return [...generation(place), oldGen]
}

/** For `grant` (HPKE). */
export function grantContext(place: GenerationPlace, terms: GrantTerms): Context {
  const { grantee, encGen, rights, issuer, notAfter } = terms
  return [...generation(place), grantee, encGen, rights, issuer, notAfter ?? 0]
}

/** For `keystore-key`: the cost of the key derivation, zeros for a key that is taken as it is. */
export function keystoreKeyContext(cost: Argon2Cost | undefined): Context {
  return [SUITE, 0, 0, 0, 0, 0, cost?.memoryKiB ?? 0, cost?.passes ?? 0, cost?.parallelism ?? 0]
}

/** For the `keystore`'s contents. */
export function keystoreContext(): Context {
  return [SUITE, 0, 0, 0, 0, 0]
}

/** For a record of a home's `cache`: the device whose it is, and the record's first name. */
export function cacheContext(pool: Uint8Array, device: Uint8Array, name: Uint8Array): Context {
  return [SUITE, pool, 0, 0, 0, 0, device, name]
}

export type SealTag = 'grant'

/** HPKE's `info`: "allmend/1/" + tag + 0 + CBOR(context). */
export function hpkeInfo(tag: SealTag, context: Context): Uint8Array {
  return tagged(tag, encodeCbor(context))
}
