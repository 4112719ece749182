/**
 * Hashes and bits of the map: leaf = SHA-256(0 + key + value), node = SHA-256(1 + depth + prefix + left + right), and the empty
 * map's root is zeros. A node stands only where both sides hold leaves; depth (a byte) is how many bits all keys below share,
 * prefix those bits, zero-padded to 32 bytes. So the shape follows from the keys alone.
 */
import type { HashFunction } from '../../merkle.ts'
import { MAP_KEY_BYTES } from './map-key.ts'

export const MAP_HASH_BYTES = 32
export const EMPTY_MAP_ROOT = new Uint8Array(MAP_HASH_BYTES)

const leaf = new Uint8Array(1 + 2 * MAP_KEY_BYTES)
/** Nodes are hashed by the hundred thousand, so their input isn't allocated anew; the first byte stays 1. */
const node = new Uint8Array(2 + MAP_KEY_BYTES + 2 * MAP_HASH_BYTES)
node[0] = 1

export function mapLeafHash(hash: HashFunction, key: Uint8Array, value: Uint8Array): Uint8Array {
  leaf.set(key, 1)
  leaf.set(value, 1 + MAP_KEY_BYTES)
  return hash(leaf)
}

/** `path` is any key below the node: its first `depth` bits are the prefix. */
export function mapNodeHash(
  hash: HashFunction,
  depth: number,
  path: Uint8Array,
  left: Uint8Array,
  right: Uint8Array,
): Uint8Array {
  const whole = depth >> 3
  const rest = depth & 7
  node[1] = depth
  node.fill(0, 2, 2 + MAP_KEY_BYTES)
  for (let i = 0; i < whole; i++) node[2 + i] = path[i]!
  if (rest > 0) node[2 + whole] = path[whole]! & (0xff00 >> rest)
  node.set(left, 2 + MAP_KEY_BYTES)
  node.set(right, 2 + MAP_KEY_BYTES + MAP_HASH_BYTES)
  return hash(node)
}

/** The bit of a key at this depth, the highest of the first byte being at 0. */
export function bitAt(key: Uint8Array, depth: number): 0 | 1 {
  return ((key[depth >> 3]! >> (7 - (depth & 7))) & 1) as 0 | 1
}

/** How many leading bits two keys share, at most 256. */
export function sharedBits(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < MAP_KEY_BYTES; i++) {
    const difference = a[i]! ^ b[i]!
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24
  }
  return MAP_KEY_BYTES * 8
}
