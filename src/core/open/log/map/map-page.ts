/**
 * Pages: how the map is stored. The page of a prefix of j bytes holds the branches at depths 8j to 8j+7 below it, with the leaves
 * among their children; deeper branches are named by reference and stand in pages of their own. So a path of a million keys reads
 * three pages, and a batch writes each page that it touches once. The top reference is stored by itself.
 *
 * A node: 1 + key (32) + value (32) + index (6), a leaf; 2 + depth (1) + hash (32) + left + right, a branch of this page;
 * 3 + depth (1) + hash (32) + the bytes that hold depth bits of the prefix, a reference. The empty map's top has no bytes.
 */
import { FolderError } from '../../errors.ts'
import type { HashFunction } from '../../merkle.ts'
import { MAP_HASH_BYTES, bitAt } from './map-hash.ts'
import { MAP_KEY_BYTES } from './map-key.ts'
import type { MapBranch, MapLeaf, MapNode, MapReference } from './map-node.ts'
import { BRANCH, LEAF, REFERENCE, hashOf, pathOf } from './map-node.ts'

const PAGE_BITS = 8
const INDEX_BYTES = 6
const LEAF_BYTES = 1 + 2 * MAP_KEY_BYTES + INDEX_BYTES
const BRANCH_BYTES = 2 + MAP_HASH_BYTES

/** The prefix that names the page in which a branch stands. */
export function pageOf({ depth, path }: Pick<MapReference, 'depth' | 'path'>): Uint8Array {
  return path.slice(0, Math.floor(depth / PAGE_BITS))
}

/** Whether a branch stands in the page that a prefix of this many bytes names. */
export function isInPage(depth: number, bytes: number): boolean {
  return Math.floor(depth / PAGE_BITS) === bytes
}

/** The stored bytes of the page whose topmost branch this is; all its hashes must have been made. */
export function encodePage(hash: HashFunction, top: MapBranch): Uint8Array {
  const page = Math.floor(top.depth / PAGE_BITS)
  const isOfPage = (node: MapNode): node is MapBranch => node.kind === BRANCH && isInPage(node.depth, page)
  const lengthOf = (node: MapNode): number => {
    if (node.kind === LEAF) return LEAF_BYTES
    if (isOfPage(node)) return BRANCH_BYTES + lengthOf(node.left) + lengthOf(node.right)
    return BRANCH_BYTES + Math.ceil(node.depth / 8)
  }
  const out = new Uint8Array(lengthOf(top))
  let at = 0
  const write = (node: MapNode): void => {
    if (isOfPage(node)) {
      out[at++] = BRANCH
      out[at++] = node.depth
      out.set(hashOf(hash, node), at)
      at += MAP_HASH_BYTES
      write(node.left)
      write(node.right)
    } else at = writeEnd(hash, out, at, node)
  }
  write(top)
  return out
}

/** The stored bytes of the map's top: a leaf, a reference, or nothing. */
export function encodeTop(hash: HashFunction, top: MapNode | undefined): Uint8Array {
  if (top === undefined) return new Uint8Array(0)
  const out = new Uint8Array(top.kind === LEAF ? LEAF_BYTES : BRANCH_BYTES + Math.ceil(top.depth / 8))
  writeEnd(hash, out, 0, top)
  return out
}

function writeEnd(hash: HashFunction, out: Uint8Array, start: number, node: MapNode): number {
  let at = start
  if (node.kind === LEAF) {
    out[at] = LEAF
    out.set(node.key, at + 1)
    out.set(node.value, at + 1 + MAP_KEY_BYTES)
    at += 1 + 2 * MAP_KEY_BYTES
    let rest = node.index
    for (let i = INDEX_BYTES - 1; i >= 0; i--) {
      out[at + i] = rest % 256
      rest = Math.floor(rest / 256)
    }
    return at + INDEX_BYTES
  }
  out[at] = REFERENCE
  out[at + 1] = node.depth
  out.set(hashOf(hash, node), at + 2)
  at += BRANCH_BYTES
  const bytes = Math.ceil(node.depth / 8)
  for (let i = 0; i < bytes; i++) out[at + i] = node.path[i]!
  // Bits behind the prefix are zero, so that one map has one stored form.
  if (node.depth % 8 > 0) out[at + bytes - 1]! &= 0xff00 >> (node.depth % 8)
  return at + bytes
}

function damaged(): never {
  throw new FolderError('a stored page of the map is damaged')
}

/** What `encodeTop` wrote; throws FolderError for anything else. */
export function decodeTop(bytes: Uint8Array): MapNode | undefined {
  if (bytes.length === 0) return undefined
  const { node } = decodeNodes(bytes)
  return node.kind === BRANCH ? damaged() : node
}

/** The topmost branch of a page, and how many nodes it has; throws FolderError for bytes that `encodePage` doesn't write. */
export function decodePage(bytes: Uint8Array, reference: MapReference): { top: MapBranch; nodes: number } {
  const { node, count } = decodeNodes(bytes)
  if (node.kind !== BRANCH || node.depth !== reference.depth) damaged()
  // Its place in the map; the hash is held against the reference by the caller.
  const shared = Math.floor(node.depth / 8)
  for (let i = 0; i < shared; i++) if (node.path[i] !== reference.path[i]) damaged()
  return { top: node, nodes: count }
}

/**
 * What a page says of a key without decoding the rest: the only leaf or reference that can lead to it. `reference` names the page;
 * throws FolderError where it is another one.
 */
export function findInPage(
  bytes: Uint8Array,
  { depth, hash }: MapReference,
  key: Uint8Array,
): MapLeaf | MapReference {
  const isNamed = bytes[0] === BRANCH && bytes[1] === depth && hash.every((byte, i) => bytes[2 + i] === byte)
  if (!isNamed) damaged()
  let at = 0
  while (bytes[at] === BRANCH) {
    const isRight = bitAt(key, bytes[at + 1]!) === 1
    at += BRANCH_BYTES
    if (isRight) at = endOfNode(bytes, at)
  }
  const { node } = decodeNodes(bytes.subarray(at, endOfNode(bytes, at)))
  return node.kind === BRANCH ? damaged() : node
}

/** Where the node that begins here ends, with all below it. */
function endOfNode(bytes: Uint8Array, start: number): number {
  let at = start
  for (let left = 1; left > 0; left--) {
    const kind = bytes[at]
    if (kind === LEAF) at += LEAF_BYTES
    else if (kind === BRANCH || kind === REFERENCE) {
      const depth = bytes[at + 1] ?? 0
      at += BRANCH_BYTES
      if (kind === BRANCH) left += 2
      else at += Math.ceil(depth / 8)
    } else damaged()
  }
  return at > bytes.length ? damaged() : at
}

/** All nodes that these bytes are. */
function decodeNodes(bytes: Uint8Array): { readonly node: MapNode; readonly count: number } {
  let at = 0
  let count = 0
  /** By index: leaves that one entry touched share its hash, instead of half of their memory for copies of it. */
  const values = new Map<number, Uint8Array>()
  const take = (length: number): number => {
    const start = at
    at += length
    if (at > bytes.length) damaged()
    return start
  }
  const valueAt = (start: number, index: number): Uint8Array => {
    const known = values.get(index)
    if (known?.every((byte, i) => bytes[start + i] === byte) === true) return known
    const value = bytes.slice(start, start + MAP_HASH_BYTES)
    values.set(index, value)
    return value
  }
  const readLeaf = (): MapLeaf => {
    const key = take(LEAF_BYTES) + 1
    let index = 0
    for (let i = at - INDEX_BYTES; i < at; i++) index = index * 256 + bytes[i]!
    const value = key + MAP_KEY_BYTES
    return { kind: LEAF, key: bytes.slice(key, value), value: valueAt(value, index), index }
  }
  const read = (level: number): MapNode => {
    // A page is 8 branches high.
    if (level > PAGE_BITS) damaged()
    count++
    const kind = bytes[at]
    if (kind === LEAF) return readLeaf()
    const start = take(BRANCH_BYTES)
    const depth = bytes[start + 1]!
    const hash = bytes.slice(start + 2, at)
    if (kind === REFERENCE) {
      const path = new Uint8Array(MAP_KEY_BYTES)
      const prefix = take(Math.ceil(depth / 8))
      for (let i = prefix; i < at; i++) path[i - prefix] = bytes[i]!
      return { kind, depth, path, hash }
    }
    if (kind !== BRANCH) damaged()
    const left = read(level + 1)
    const right = read(level + 1)
    for (const node of [left, right]) if (node.kind !== LEAF && node.depth <= depth) damaged()
    return { kind, depth, path: pathOf(left), left, right, hash, isSaved: true, epoch: 0 }
  }
  const node = read(0)
  if (at !== bytes.length) damaged()
  return { node, count }
}
