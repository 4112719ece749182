/**
 * Hashes of inner nodes, read from tiles. Invariants:
 * - only complete nodes are asked for; those of a tile are made once and kept while they are asked for.
 * - stored tiles are trusted as far as a signed root confirms them: whoever verifies a proof made here finds damage.
 */
import { FolderError } from '../errors.ts'
import type { HashFunction } from '../merkle.ts'
import { nodeHash } from '../merkle.ts'
import type { TileReader } from './tile.ts'
import { HASH_BYTES, TILE_HEIGHT, TILE_WIDTH } from './tile.ts'

/** Tiles whose inner nodes are kept: 16 KiB each, so 32 MiB, which cover 500,000 leaves. */
const MAX_EXPANDED = 2_048

/** A tile's hashes and all nodes above them, level after level; `rows[r]` are those of height r within the tile. */
interface Expanded {
  readonly width: number
  readonly rows: readonly Uint8Array[]
}

export class TileHashes {
  readonly #hash: HashFunction
  readonly #tiles: TileReader
  readonly #expanded = new Map<string, Expanded>()

  constructor(hash: HashFunction, tiles: TileReader) {
    this.#hash = hash
    this.#tiles = tiles
  }

  /** The hash of the node over leaves from `index * 2^height` on; throws FolderError when its tile is missing or too short. */
  node(height: number, index: number): Uint8Array {
    const level = Math.floor(height / TILE_HEIGHT)
    const row = height % TILE_HEIGHT
    const perTile = TILE_WIDTH >> row
    const at = index % perTile
    const { rows } = this.#tile(level, Math.floor(index / perTile), (at + 1) << row)
    return rows[row]!.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
  }

  /** Root over leaves from `start` up to `end`; `start` must be a multiple of the largest power of two in the range. */
  range(start: number, end: number): Uint8Array {
    let right: Uint8Array | undefined
    let at = end
    while (at > start) {
      // The smallest complete subtree that ends here, as large as the alignment of `at` and the range allow.
      let height = 0
      let span = 1
      while (at % (span * 2) === 0 && at - span * 2 >= start) {
        span *= 2
        height++
      }
      at -= span
      const left = this.node(height, at / span)
      right = right === undefined ? left : nodeHash(this.#hash, left, right)
    }
    return right ?? this.#hash(new Uint8Array(0))
  }

  /** Drops what was made; for a tree whose end was taken back. */
  forget(): void {
    this.#expanded.clear()
  }

  #tile(level: number, index: number, width: number): Expanded {
    const key = `${level}/${index}`
    const known = this.#expanded.get(key)
    if (known !== undefined && known.width >= width) {
      // The youngest stands last.
      this.#expanded.delete(key)
      this.#expanded.set(key, known)
      return known
    }
    const bytes = this.#tiles.tile(level, index)
    if (bytes === undefined || bytes.length < width * HASH_BYTES)
      throw new FolderError('a tile of the log is missing or cut short', { level, index, width })
    const expanded = expand(this.#hash, bytes)
    this.#expanded.set(key, expanded)
    if (this.#expanded.size > MAX_EXPANDED) this.#expanded.delete(this.#expanded.keys().next().value!)
    return expanded
  }
}

function expand(hash: HashFunction, bytes: Uint8Array): Expanded {
  const width = Math.floor(bytes.length / HASH_BYTES)
  const rows = [bytes]
  for (let row = 1; row < TILE_HEIGHT; row++) {
    const below = rows[row - 1]!
    const count = width >> row
    const above = new Uint8Array(count * HASH_BYTES)
    for (let i = 0; i < count; i++) above.set(pairAt(hash, below, i), i * HASH_BYTES)
    rows.push(above)
  }
  return { width, rows }
}

/** The parent of the i-th pair of a row. */
export function pairAt(hash: HashFunction, row: Uint8Array, i: number): Uint8Array {
  const at = 2 * i * HASH_BYTES
  return nodeHash(hash, row.subarray(at, at + HASH_BYTES), row.subarray(at + HASH_BYTES, at + 2 * HASH_BYTES))
}
