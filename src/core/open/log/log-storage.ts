/** What log and map need of a store; whoever brings one runs it in transactions (see the port). */
import type { MapPageWrite } from './map/map-tree.ts'
import type { MapPageReader } from './map/map-view.ts'
import type { RowWrite } from './replay/rows.ts'
import type { Tile, TileReader } from './tile.ts'

/** How far the stored tree and map reach; entries behind that are applied again at the start. */
export interface SavedLog {
  /** Leaves in the stored tiles. */
  readonly tree: number
  /** Entries in the stored map, and its top. */
  readonly map: number
  readonly top: Uint8Array
  /** Time of the newest entry when it was saved, Unix milliseconds. */
  readonly time: number
}

export interface StoredLeaf {
  /** The entry's bytes. */
  readonly leaf: Uint8Array
  /** `touchesCodec` of what it touched. */
  readonly touches: Uint8Array
}

export interface LogStorageReader extends TileReader, MapPageReader {
  saved(): SavedLog | undefined
  /** Number of stored leaves; a witness keeps none. */
  leafCount(): number
  leaf(index: number): StoredLeaf | undefined
  /** The entries' bytes from an index on, at most `count`. */
  leaves(from: number, count: number): Uint8Array[]
  row(key: Uint8Array): Uint8Array | undefined
  /** The newest checkpoint, a note. */
  checkpoint(): Uint8Array | undefined
  /** The checkpoint of this very size. */
  checkpointAt(size: number): Uint8Array | undefined
}

export interface LogStorageWriter extends LogStorageReader {
  /** Appends a leaf; throws ConflictError unless its index is the next. */
  putLeaf(index: number, stored: StoredLeaf): void
  putRows(rows: Iterable<RowWrite>): void
  /** Adds or replaces: a tile at the edge grows. */
  putTiles(tiles: readonly Tile[]): void
  /** Replaces, or drops pages without bytes. */
  putPages(pages: readonly MapPageWrite[]): void
  putSaved(saved: SavedLog): void
  /** Adds a checkpoint, or the same one with more signatures. */
  putCheckpoint(size: number, note: Uint8Array): void
  /** Drops checkpoints of smaller sizes, which nobody asks for any more. */
  dropCheckpointsBefore(size: number): void
}
