/**
 * The log's Merkle tree (RFC 9162 section 2.1, SHA-256), append-only, kept as tiles. Invariants:
 * - the right edge, the tile of each level that isn't full yet, stands in memory; an append costs one node on average.
 * - what isn't stored yet is in `unsaved`; reading goes through it, so proofs may be made before anything is stored.
 * - appending is no promise: the caller stores the tiles with the head that names them, or makes them again from the entries.
 */
import { FolderError, UsageError } from '../errors.ts'
import type { HashFunction } from '../merkle.ts'
import type { Tile, TileReader } from './tile.ts'
import {
  HASH_BYTES,
  MAX_LOG_SIZE,
  MAX_TILE_LEVELS,
  TILE_BYTES,
  TILE_HEIGHT,
  TILE_WIDTH,
  levelWidth,
} from './tile.ts'
import { TileHashes, pairAt } from './tile-hashes.ts'

export class LogTree {
  readonly #hash: HashFunction
  readonly #stored: TileReader
  readonly #hashes: TileHashes
  /** Per level the tile that isn't full, always with room for one more. */
  readonly #edge: Uint8Array[] = []
  readonly #unsaved = new Map<string, Tile>()
  #size: number

  /** Takes up a tree of `size` leaves whose tiles are stored; throws FolderError when one at the edge is missing. */
  constructor(hash: HashFunction, stored: TileReader, size: number) {
    this.#hash = hash
    this.#stored = stored
    this.#size = size
    this.#hashes = new TileHashes(hash, { tile: (level, index) => this.#tile(level, index) })
    for (let level = 0; level < MAX_TILE_LEVELS; level++) {
      const edge = new Uint8Array(TILE_BYTES)
      const width = levelWidth(size, level) % TILE_WIDTH
      if (width > 0) edge.set(this.#load(level, width))
      this.#edge.push(edge)
    }
  }

  get size(): number {
    return this.#size
  }

  /** Appends a leaf hash (`leafHash` of the entry's bytes). */
  append(leaf: Uint8Array): void {
    if (this.#size >= MAX_LOG_SIZE) throw new UsageError('the log is full')
    let hash = leaf
    for (let level = 0; ; level++) {
      const at = levelWidth(this.#size, level) % TILE_WIDTH
      const edge = this.#edge[level]!
      edge.set(hash, at * HASH_BYTES)
      if (at < TILE_WIDTH - 1) break
      const index = Math.floor(levelWidth(this.#size, level) / TILE_WIDTH)
      this.#unsaved.set(name(level, index), { level, index, hashes: edge.slice() })
      hash = this.#root(edge)
    }
    this.#size++
  }

  /** The root over the first `size` leaves, all of them by default. */
  root(size: number = this.#size): Uint8Array {
    this.#requireSize(size)
    return this.#hashes.range(0, size).slice()
  }

  /** Inclusion path of leaf `index` in the tree of the first `size` leaves (RFC 9162 section 2.1.3.1). */
  inclusion(index: number, size: number = this.#size): Uint8Array[] {
    this.#requireSize(size)
    if (!Number.isSafeInteger(index) || index < 0 || index >= size)
      throw new UsageError('this leaf is not in the tree', { index, size })
    const path: Uint8Array[] = []
    let start = 0
    let end = size
    while (end - start > 1) {
      const split = start + splitOf(end - start)
      if (index < split) {
        path.push(this.#hashes.range(split, end).slice())
        end = split
      } else {
        path.push(this.#hashes.range(start, split).slice())
        start = split
      }
    }
    return path.reverse()
  }

  /** Proof that the first `from` leaves begin the tree of the first `to` (RFC 9162 section 2.1.4.1); empty for 0 or equal sizes. */
  consistency(from: number, to: number = this.#size): Uint8Array[] {
    this.#requireSize(to)
    if (!Number.isSafeInteger(from) || from < 0 || from > to)
      throw new UsageError('a log only grows', { from, to })
    const proof: Uint8Array[] = []
    if (from === 0 || from === to) return proof
    let start = 0
    let end = to
    while (end !== from) {
      const split = start + splitOf(end - start)
      if (from <= split) {
        proof.push(this.#hashes.range(split, end).slice())
        end = split
      } else {
        proof.push(this.#hashes.range(start, split).slice())
        start = split
      }
    }
    // From 0 on it is the old root itself, which the verifier has.
    if (start > 0) proof.push(this.#hashes.range(start, end).slice())
    return proof.reverse()
  }

  /** Tiles that aren't stored yet: full ones, and those at the edge as they are now. */
  unsaved(): Tile[] {
    const tiles = [...this.#unsaved.values()]
    for (const [level, edge] of this.#edge.entries()) {
      const width = levelWidth(this.#size, level)
      const rest = width % TILE_WIDTH
      if (rest > 0)
        tiles.push({ level, index: Math.floor(width / TILE_WIDTH), hashes: edge.slice(0, rest * HASH_BYTES) })
    }
    return tiles
  }

  /** To be called once what `unsaved` gave is durable. */
  saved(): void {
    this.#unsaved.clear()
  }

  /** Takes back what was appended since the tree had this size; nothing of it may have been saved. */
  truncate(size: number): void {
    this.#requireSize(size)
    if (size === this.#size) return
    for (const [level, edge] of this.#edge.entries()) {
      const index = Math.floor(levelWidth(size, level) / TILE_WIDTH)
      // The edge went on to a later tile: what was its beginning stands in the full one.
      const full = this.#unsaved.get(name(level, index))
      if (full !== undefined) edge.set(full.hashes)
      for (const [key, tile] of this.#unsaved)
        if (tile.level === level && tile.index >= index) this.#unsaved.delete(key)
    }
    this.#size = size
    this.#hashes.forget()
  }

  #load(level: number, width: number): Uint8Array {
    const index = Math.floor(levelWidth(this.#size, level) / TILE_WIDTH)
    const bytes = this.#stored.tile(level, index)
    if (bytes === undefined || bytes.length < width * HASH_BYTES)
      throw new FolderError('a tile of the log is missing or cut short', { level, index, width })
    return bytes.subarray(0, width * HASH_BYTES)
  }

  #tile(level: number, index: number): Uint8Array | undefined {
    const unsaved = this.#unsaved.get(name(level, index))
    if (unsaved !== undefined) return unsaved.hashes
    const width = levelWidth(this.#size, level)
    if (index === Math.floor(width / TILE_WIDTH))
      // A copy: what was read of it must not change while the edge grows.
      return this.#edge[level]?.slice(0, (width % TILE_WIDTH) * HASH_BYTES)
    return this.#stored.tile(level, index)
  }

  /** The root of a full tile. */
  #root(tile: Uint8Array): Uint8Array {
    let row = tile
    for (let height = 0; height < TILE_HEIGHT; height++) {
      const above = new Uint8Array(row.length / 2)
      for (let i = 0; i * HASH_BYTES < above.length; i++)
        above.set(pairAt(this.#hash, row, i), i * HASH_BYTES)
      row = above
    }
    return row
  }

  #requireSize(size: number): void {
    if (!Number.isSafeInteger(size) || size < 0 || size > this.#size)
      throw new UsageError('the log has no such size yet', { size, has: this.#size })
  }
}

function name(level: number, index: number): string {
  return `${level}/${index}`
}

/** The largest power of two below `n`, which is at least 2. */
function splitOf(n: number): number {
  let split = 1
  while (split * 2 < n) split *= 2
  return split
}
