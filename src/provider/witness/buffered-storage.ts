import { bytesOfName, nameOf } from '../../core/open/bytes.ts'
import type { LogStorageWriter, SavedLog } from '../../core/open/log/log-storage.ts'
import type { MapPageWrite } from '../../core/open/log/map/map-tree.ts'
import type { RowWrite } from '../../core/open/log/replay/rows.ts'
import type { Tile } from '../../core/open/log/tile.ts'
import { InternalError } from '../../core/open/errors.ts'
import type { LogStore } from '../../ports/log-store.ts'

/**
 * What a session writes on its way from one head to the next, kept in memory until `flush` makes all of it durable in one transaction:
 * rows that lie between heads would be ahead of tree and map after a kill. Entries aren't kept.
 */
export class BufferedStorage implements LogStorageWriter {
  readonly #store: LogStore
  /** Names of values by names of keys: two strings take a third of what two arrays do, and there is a row for each file. */
  #rows = new Map<string, string>()
  #tiles: Tile[] = []
  #pages = new Map<string, MapPageWrite>()
  #saved: SavedLog | undefined

  constructor(store: LogStore) {
    this.#store = store
  }

  /** Writes it all, and the checkpoint that ends it if there is one. */
  flush(checkpoint?: { readonly size: number; readonly note: Uint8Array }): void {
    this.#store.write((storage) => {
      storage.putRows(rowsOf(this.#rows))
      storage.putTiles(this.#tiles)
      storage.putPages([...this.#pages.values()])
      if (this.#saved !== undefined) storage.putSaved(this.#saved)
      if (checkpoint === undefined) return
      storage.putCheckpoint(checkpoint.size, checkpoint.note)
      storage.dropCheckpointsBefore(checkpoint.size)
    })
    this.forget()
  }

  /** Drops what isn't flushed. */
  forget(): void {
    this.#rows = new Map()
    this.#tiles = []
    this.#pages = new Map()
    this.#saved = undefined
  }

  saved(): SavedLog | undefined {
    return this.#saved ?? this.#store.read((storage) => storage.saved())
  }
  leafCount(): number {
    return 0
  }
  leaf(): undefined {
    return undefined
  }
  leaves(): Uint8Array[] {
    return []
  }
  tile(level: number, index: number): Uint8Array | undefined {
    const own = this.#tiles.findLast((tile) => tile.level === level && tile.index === index)
    return own?.hashes ?? this.#store.read((storage) => storage.tile(level, index))
  }
  page(prefix: Uint8Array): Uint8Array | undefined {
    const own = this.#pages.get(nameOf(prefix))
    return own === undefined ? this.#store.read((storage) => storage.page(prefix)) : own.bytes
  }
  row(key: Uint8Array): Uint8Array | undefined {
    const own = this.#rows.get(nameOf(key))
    return own === undefined ? this.#store.read((storage) => storage.row(key)) : bytesOfName(own)
  }
  checkpoint(): Uint8Array | undefined {
    return this.#store.read((storage) => storage.checkpoint())
  }
  checkpointAt(size: number): Uint8Array | undefined {
    return this.#store.read((storage) => storage.checkpointAt(size))
  }
  putLeaf(): void {
    throw new InternalError('a witness keeps no entries')
  }
  putRows(rows: Iterable<RowWrite>): void {
    for (const { key, value } of rows) this.#rows.set(nameOf(key), nameOf(value))
  }
  putTiles(tiles: readonly Tile[]): void {
    this.#tiles.push(...tiles)
  }
  putPages(pages: readonly MapPageWrite[]): void {
    for (const page of pages) this.#pages.set(nameOf(page.prefix), page)
  }
  putSaved(saved: SavedLog): void {
    this.#saved = saved
  }
  putCheckpoint(): void {
    throw new InternalError('a checkpoint is stored with the flush')
  }
  dropCheckpointsBefore(): void {
    throw new InternalError('checkpoints are dropped with the flush')
  }
}

function* rowsOf(rows: ReadonlyMap<string, string>): Generator<RowWrite> {
  for (const [key, value] of rows) yield { key: bytesOfName(key), value: bytesOfName(value) }
}
