/**
 * Under which topics a pool's nodes find each other without the tracker (docs/spec/discovery.md). Invariants:
 * - what a provider announces is bounded by the number of the pool's providers, whatever it stores.
 * - a topic tells nothing of the pool to those who don't know the pool's id.
 */
import { taggedHash } from '../hash.ts'
import type { Primitives } from '../primitives.ts'
import { encodeCbor } from '../schema.ts'

type Hasher = Pick<Primitives, 'sha256'>

/** 256 prefixes: at a renewal every eight minutes and 60 packets each, 32 packets a second for who holds something of all. */
export const MAX_PREFIX_BITS = 8
const DAY_MS = 24 * 3_600_000

/**
 * Bits of a stripe id that are announced in a pool of so many admitted providers: as few as give a prefix for each provider. More
 * would tell more of those that hold little, and cost those that hold much in proportion.
 */
export function prefixBits(providers: number): number {
  return Math.min(MAX_PREFIX_BITS, Math.ceil(Math.log2(Math.max(1, providers))))
}

/** The first `bits` (0 to MAX_PREFIX_BITS) bits of an id, as a number. */
export function prefixOf(id: Uint8Array, bits: number): number {
  return id[0]! >> (8 - bits)
}

/** H("stripes", CBOR[pool, bits, prefix]): where providers announce that they hold shards of stripes with this prefix. */
export function stripesTopic(primitives: Hasher, pool: Uint8Array, bits: number, prefix: number): Uint8Array {
  return taggedHash(primitives, 'stripes', encodeCbor([pool, bits, prefix]))
}

/** H("nodes", CBOR[pool]): where every node of a pool announces itself. */
export function nodesTopic(primitives: Hasher, pool: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'nodes', encodeCbor([pool]))
}

/** Days since 1970 (UTC) at a time in Unix milliseconds: the names in a LAN change with it. */
export function lanDay(now: number): number {
  return Math.floor(now / DAY_MS)
}

/** What a pool is called in a LAN that day: 16 bytes, H("lan", CBOR[pool, day]) cut. */
export function lanName(primitives: Hasher, pool: Uint8Array, day: number): Uint8Array {
  return taggedHash(primitives, 'lan', encodeCbor([pool, day])).slice(0, 16)
}

/** What one of its nodes is called there that day: 16 bytes, H("lan-node", CBOR[pool, day, net key]) cut. */
export function lanNodeName(
  primitives: Hasher,
  pool: Uint8Array,
  day: number,
  netKey: Uint8Array,
): Uint8Array {
  return taggedHash(primitives, 'lan-node', encodeCbor([pool, day, netKey])).slice(0, 16)
}

/**
 * A net key as it is told in a LAN, and back: XORed with H("lan-key", CBOR[pool, day, the node's name]). Who doesn't know the pool
 * sees another value each day; who does checks that key and name belong together.
 */
export function maskNetKey(
  primitives: Hasher,
  pool: Uint8Array,
  day: number,
  name: Uint8Array,
  key: Uint8Array,
): Uint8Array {
  const mask = taggedHash(primitives, 'lan-key', encodeCbor([pool, day, name]))
  return mask.map((byte, i) => byte ^ key[i]!)
}
