/**
 * Verification of what map-proof.ts proves. Why a proof is complete: a branch's hash fixes its depth and prefix, so a part that is
 * given as a bare hash can hold keys of its side of the branch alone; it is refused where a range reaches these. All other
 * parts are there leaf by leaf. One map and ranges have one proof: anything that could be shorter or longer is refused.
 */
import { compareBytes, equalBytes } from '../../bytes.ts'
import { MalformedError, UntrustedError } from '../../errors.ts'
import type { HashFunction } from '../../merkle.ts'
import { EMPTY_MAP_ROOT, MAP_HASH_BYTES, bitAt, mapLeafHash, mapNodeHash, sharedBits } from './map-hash.ts'
import { MAP_KEY_BYTES } from './map-key.ts'
import type { MapRange } from './map-proof.ts'
import {
  MAX_MAP_PROOF_BYTES,
  PART_BRANCH,
  PART_EMPTY,
  PART_HASH,
  PART_LEAVES,
  isReached,
  orderRanges,
  reachOf,
} from './map-proof.ts'

export interface ProvenLeaf {
  readonly key: Uint8Array
  /** Hash of the newest entry that touched the key. */
  readonly value: Uint8Array
}

const LEAF_BYTES = MAP_KEY_BYTES + MAP_HASH_BYTES

/**
 * All leaves of the map with this root whose keys lie in the ranges, in the order of their keys: what isn't among them isn't in
 * the map. Throws MalformedError for what is no proof, UntrustedError for one of another map or one that leaves something open.
 */
export function verifyMapProof(
  hash: HashFunction,
  root: Uint8Array,
  ranges: readonly MapRange[],
  proof: Uint8Array,
): ProvenLeaf[] {
  if (proof.length > MAX_MAP_PROOF_BYTES)
    throw new MalformedError('this map proof is too long', { bytes: proof.length })
  const verifier = new Verifier(hash, orderRanges(ranges), proof)
  if (!equalBytes(verifier.root(), root)) throw new UntrustedError('this proof is of another map')
  return verifier.found
}

/** The entry hash at one key, or undefined when the map has no such key; throws as `verifyMapProof` does. */
export function verifyMapPoint(
  hash: HashFunction,
  root: Uint8Array,
  key: Uint8Array,
  proof: Uint8Array,
): Uint8Array | undefined {
  return verifyMapProof(hash, root, [{ first: key, last: key }], proof)[0]?.value
}

class Verifier {
  readonly #hash: HashFunction
  readonly #ranges: readonly MapRange[]
  readonly #bytes: Uint8Array
  #at = 0
  readonly found: ProvenLeaf[] = []

  constructor(hash: HashFunction, ranges: readonly MapRange[], bytes: Uint8Array) {
    this.#hash = hash
    this.#ranges = ranges
    this.#bytes = bytes
  }

  root(): Uint8Array {
    const isEmpty = this.#bytes[0] === PART_EMPTY
    const root = isEmpty ? EMPTY_MAP_ROOT : this.#part(new Uint8Array(MAP_KEY_BYTES), 0, true)
    if (isEmpty) this.#at = 1
    if (this.#at !== this.#bytes.length) throw new MalformedError('a map proof has bytes after its end')
    return root
  }

  /** The hash of a part whose keys begin with these bits of `path`. */
  #part(path: Uint8Array, bits: number, isDecisive: boolean): Uint8Array {
    const [kind] = this.#take(1)
    if (kind === PART_HASH) {
      if (isDecisive) throw new UntrustedError('a map proof leaves open what was asked')
      return this.#take(MAP_HASH_BYTES)
    }
    if (!isDecisive) throw new MalformedError('a map proof shows what was not asked')
    if (kind === PART_LEAVES) return this.#leaves(path, bits)
    if (kind === PART_BRANCH) return this.#branch(path, bits)
    throw new MalformedError('a map proof has parts of four kinds', { kind: kind! })
  }

  #branch(path: Uint8Array, bits: number): Uint8Array {
    const depth = this.#take(1)[0]!
    const prefix = new Uint8Array(MAP_KEY_BYTES)
    prefix.set(this.#take(Math.ceil(depth / 8)))
    if (depth % 8 > 0 && (prefix[depth >> 3]! & (0xff >> (depth % 8))) !== 0)
      throw new MalformedError('bits behind a prefix are zero')
    if (depth < bits || sharedBits(prefix, path) < bits)
      throw new UntrustedError('a map proof puts a branch where its keys cannot be')
    if (reachOf(this.#ranges, prefix, depth) === 'inside')
      throw new MalformedError('a part that was asked in whole is given by its leaves')
    const sides = ([0, 1] as const).map((side) => {
      const below = prefix.slice()
      if (side === 1) below[depth >> 3]! |= 128 >> (depth & 7)
      return this.#part(below, depth + 1, isReached(this.#ranges, prefix, depth, side))
    })
    return mapNodeHash(this.#hash, depth, prefix, sides[0]!, sides[1]!)
  }

  #leaves(path: Uint8Array, bits: number): Uint8Array {
    const [high, low] = this.#take(2)
    const count = high! * 256 + low!
    if (count === 0) throw new MalformedError('a part of the map holds a leaf')
    const run = this.#take(count * LEAF_BYTES)
    const keyAt = (i: number) => run.subarray(i * LEAF_BYTES, i * LEAF_BYTES + MAP_KEY_BYTES)
    const valueAt = (i: number) => run.subarray(i * LEAF_BYTES + MAP_KEY_BYTES, (i + 1) * LEAF_BYTES)
    for (let i = 0; i < count; i++) {
      if (sharedBits(keyAt(i), path) < bits)
        throw new UntrustedError('a map proof puts a leaf where its key cannot be')
      if (i > 0 && compareBytes(keyAt(i - 1), keyAt(i)) >= 0)
        throw new MalformedError('leaves stand in the order of their keys, each once')
    }
    const shared = sharedBits(keyAt(0), keyAt(count - 1))
    if (count > 1 && reachOf(this.#ranges, keyAt(0), shared) !== 'inside')
      throw new MalformedError('a map proof shows leaves that were not asked')
    for (let i = 0; i < count; i++)
      if (count > 1 || reachOf(this.#ranges, keyAt(0), MAP_KEY_BYTES * 8) === 'inside')
        this.found.push({ key: keyAt(i).slice(), value: valueAt(i).slice() })
    const subtree = (start: number, end: number): Uint8Array => {
      if (end - start === 1) return mapLeafHash(this.#hash, keyAt(start), valueAt(start))
      const depth = sharedBits(keyAt(start), keyAt(end - 1))
      // Keys in order share their bits up to `depth`, so those with a 1 there stand behind those with a 0.
      let from = start + 1
      let to = end - 1
      while (from < to) {
        const middle = (from + to) >> 1
        if (bitAt(keyAt(middle), depth) === 1) to = middle
        else from = middle + 1
      }
      const left = subtree(start, from)
      const right = subtree(from, end)
      return mapNodeHash(this.#hash, depth, keyAt(start), left, right)
    }
    return subtree(0, count)
  }

  #take(bytes: number): Uint8Array {
    const end = this.#at + bytes
    if (end > this.#bytes.length) throw new MalformedError('a map proof is cut short')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}
