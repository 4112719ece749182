/**
 * Proofs about the map: the part of the tree that decides what stands at the keys of some ranges. One form serves a point (present
 * or absent), a complete prefix, a page of one, and many points at once.
 *
 * A proof is the tree in pre-order: 0 + hash (32), a part that no range reaches; 1 + depth (1) + the bytes that hold depth bits of
 * the prefix, a branch, its left and its right part follow; 2 + count (2) + that many times key (32) + value (32), all leaves of
 * a part in the order of their keys, whose shape follows from them; 3, the empty map. Each part is given in the shortest of
 * these forms that decides the ranges, so one map and ranges have one proof.
 */
import { compareBytes } from '../../bytes.ts'
import { CapacityError, UsageError } from '../../errors.ts'
import type { HashFunction } from '../../merkle.ts'
import { MAP_KEY_BYTES, MAP_PREFIX_BYTES } from './map-key.ts'
import type { MapBranch, MapLeaf, MapNode, MapNodes, MapReference } from './map-node.ts'
import { LEAF, hashOf } from './map-node.ts'

export const PART_HASH = 0
export const PART_BRANCH = 1
export const PART_LEAVES = 2
export const PART_EMPTY = 3

/** Leaves of one run, and of a proof: what a part's count holds. */
export const MAX_PROOF_LEAVES = 65_535
/** Leaves at 64 bytes each and some paths. */
export const MAX_MAP_PROOF_BYTES = 5 * 1024 * 1024
export const MAX_MAP_RANGES = 8_192

/** Keys from `first` to `last`, both included. */
export interface MapRange {
  readonly first: Uint8Array
  readonly last: Uint8Array
}

/** The range of one key. */
export function pointRange(key: Uint8Array): MapRange {
  return { first: key, last: key }
}

/** The range of all keys with this prefix, from `from` on when given. */
export function prefixRange(prefix: Uint8Array, from?: Uint8Array): MapRange {
  const first = new Uint8Array(MAP_KEY_BYTES)
  const last = new Uint8Array(MAP_KEY_BYTES).fill(255)
  first.set(prefix)
  last.set(prefix)
  return { first: from ?? first, last }
}

/** The ranges in their order; throws UsageError unless each is one of keys, and none overlap. */
export function orderRanges(ranges: readonly MapRange[]): readonly MapRange[] {
  if (ranges.length === 0 || ranges.length > MAX_MAP_RANGES)
    throw new UsageError(`a proof is of 1 to ${MAX_MAP_RANGES} ranges`, { ranges: ranges.length })
  const sorted = [...ranges].sort((a, b) => compareBytes(a.first, b.first))
  for (const [i, { first, last }] of sorted.entries()) {
    const isKeys = first.length === MAP_KEY_BYTES && last.length === MAP_KEY_BYTES
    if (!isKeys || compareBytes(first, last) > 0)
      throw new UsageError('a range goes from a key to one not before it')
    if (i > 0 && compareBytes(sorted[i - 1]!.last, first) >= 0)
      throw new UsageError('ranges of a proof do not overlap')
  }
  return sorted
}

/** How the keys below a prefix of `depth` bits stand to ranges in their order. */
export type Reach = 'outside' | 'inside' | 'partly'

export function reachOf(ranges: readonly MapRange[], path: Uint8Array, depth: number): Reach {
  const low = new Uint8Array(path)
  const high = new Uint8Array(path)
  const whole = depth >> 3
  const mask = 0xff >> (depth & 7)
  if (whole < MAP_KEY_BYTES) {
    low[whole]! &= ~mask
    high[whole]! |= mask
    low.fill(0, whole + 1)
    high.fill(255, whole + 1)
  }
  // The first range that doesn't end before these keys.
  let start = 0
  let end = ranges.length
  while (start < end) {
    const middle = (start + end) >> 1
    if (compareBytes(ranges[middle]!.last, low) < 0) start = middle + 1
    else end = middle
  }
  const range = ranges[start]
  if (range === undefined || compareBytes(range.first, high) > 0) return 'outside'
  return compareBytes(range.first, low) <= 0 && compareBytes(high, range.last) <= 0 ? 'inside' : 'partly'
}

/** Throws UsageError for ranges that are none, CapacityError when the ranges hold more leaves than a proof may. */
export function proveMap(hash: HashFunction, tree: MapNodes, ranges: readonly MapRange[]): Uint8Array {
  const prover = new Prover(hash, tree, orderRanges(ranges))
  return prover.prove()
}

/** At most `limit` leaves of a prefix from `from` on, and the last key that they decide: the next page begins behind it. */
export function pageOfPrefix(
  tree: MapNodes,
  prefix: Uint8Array,
  limit: number,
  from?: Uint8Array,
): { readonly range: MapRange; readonly leaves: readonly MapLeaf[]; readonly isLast: boolean } {
  if (prefix.length !== MAP_PREFIX_BYTES) throw new UsageError('a prefix is half a key')
  const range = prefixRange(prefix, from)
  const leaves: MapLeaf[] = []
  const visit = (node: MapNode): void => {
    if (leaves.length > limit) return
    if (node.kind === LEAF) {
      if (compareBytes(node.key, range.first) >= 0 && compareBytes(node.key, range.last) <= 0)
        leaves.push(node)
      return
    }
    if (reachOf([range], node.path, node.depth) === 'outside') return
    visit(tree.child(node, 0))
    visit(tree.child(node, 1))
  }
  if (tree.top !== undefined) visit(tree.top)
  if (leaves.length <= limit) return { range, leaves, isLast: true }
  leaves.length = limit
  const last = leaves.at(-1)
  if (last === undefined) throw new UsageError('a page holds at least one leaf')
  return { range: { first: range.first, last: last.key }, leaves, isLast: false }
}

class Prover {
  readonly #hash: HashFunction
  readonly #tree: MapNodes
  readonly #ranges: readonly MapRange[]
  #out = new Uint8Array(4_096)
  #at = 0
  #leaves = 0

  constructor(hash: HashFunction, tree: MapNodes, ranges: readonly MapRange[]) {
    this.#hash = hash
    this.#tree = tree
    this.#ranges = ranges
  }

  prove(): Uint8Array {
    const { top } = this.#tree
    if (top === undefined) return Uint8Array.of(PART_EMPTY)
    this.#part(top, true)
    return this.#out.slice(0, this.#at)
  }

  /** `isDecisive`: the part's place is reached by a range, so a bare hash won't do. */
  #part(node: MapNode, isDecisive: boolean): void {
    if (!isDecisive) {
      this.#room(1 + 32)
      this.#out[this.#at++] = PART_HASH
      this.#write(hashOf(this.#hash, node))
      return
    }
    if (node.kind === LEAF) return this.#run([node])
    if (reachOf(this.#ranges, node.path, node.depth) === 'inside') {
      const leaves: MapLeaf[] = []
      this.#gather(node, leaves)
      return this.#run(leaves)
    }
    const { depth, path } = node
    const bytes = Math.ceil(depth / 8)
    this.#room(2 + bytes)
    this.#out[this.#at++] = PART_BRANCH
    this.#out[this.#at++] = depth
    this.#write(path.subarray(0, bytes))
    if (depth % 8 > 0) this.#out[this.#at - 1]! &= 0xff00 >> (depth % 8)
    for (const side of [0, 1] as const)
      this.#part(this.#tree.child(node, side), isReached(this.#ranges, path, depth, side))
  }

  #gather(node: MapBranch | MapReference, leaves: MapLeaf[]): void {
    for (const side of [0, 1] as const) {
      const child = this.#tree.child(node, side)
      if (child.kind !== LEAF) this.#gather(child, leaves)
      else if (leaves.push(child) > MAX_PROOF_LEAVES)
        throw new CapacityError('more leaves than one proof holds', { leaves: MAX_PROOF_LEAVES })
    }
  }

  #run(leaves: readonly MapLeaf[]): void {
    this.#leaves += leaves.length
    if (this.#leaves > MAX_PROOF_LEAVES)
      throw new CapacityError('more leaves than one proof holds', { leaves: MAX_PROOF_LEAVES })
    this.#room(3 + leaves.length * 64)
    this.#out[this.#at++] = PART_LEAVES
    this.#out[this.#at++] = leaves.length >> 8
    this.#out[this.#at++] = leaves.length & 255
    for (const { key, value } of leaves) {
      this.#write(key)
      this.#write(value)
    }
  }

  #write(bytes: Uint8Array): void {
    this.#out.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#out.length) return
    const larger = new Uint8Array(Math.max(this.#out.length * 2, this.#at + bytes))
    larger.set(this.#out.subarray(0, this.#at))
    this.#out = larger
  }
}

/** Whether a range reaches one side of a branch. */
export function isReached(
  ranges: readonly MapRange[],
  path: Uint8Array,
  depth: number,
  side: 0 | 1,
): boolean {
  const below = new Uint8Array(path)
  const bit = 128 >> (depth & 7)
  if (side === 1) below[depth >> 3]! |= bit
  else below[depth >> 3]! &= ~bit
  return reachOf(ranges, below, depth + 1) !== 'outside'
}
