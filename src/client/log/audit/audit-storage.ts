import { toHex } from '../../../core/open/bytes.ts'
import type { LogStorageWriter, SavedLog } from '../../../core/open/log/log-storage.ts'
import type { MapPageWrite } from '../../../core/open/log/map/map-tree.ts'
import type { RowWrite } from '../../../core/open/log/replay/rows.ts'
import type { Tile } from '../../../core/open/log/tile.ts'

/** Where an audit keeps what it replays: memory, for as long as it takes. Leaves aren't kept. */
export class AuditStorage implements LogStorageWriter {
  readonly #bytes = new Map<string, Uint8Array>()
  #saved: SavedLog | undefined

  saved(): SavedLog | undefined {
    return this.#saved
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
    return this.#bytes.get(`t${level}/${index}`)
  }
  page(prefix: Uint8Array): Uint8Array | undefined {
    return this.#bytes.get(`p${toHex(prefix)}`)
  }
  row(key: Uint8Array): Uint8Array | undefined {
    return this.#bytes.get(`r${toHex(key)}`)
  }
  checkpoint(): undefined {
    return undefined
  }
  checkpointAt(): undefined {
    return undefined
  }
  putLeaf(): void {}
  putRows(rows: Iterable<RowWrite>): void {
    for (const { key, value } of rows) this.#bytes.set(`r${toHex(key)}`, value)
  }
  putTiles(tiles: readonly Tile[]): void {
    for (const { level, index, hashes } of tiles) this.#bytes.set(`t${level}/${index}`, hashes)
  }
  putPages(pages: readonly MapPageWrite[]): void {
    for (const { prefix, bytes } of pages)
      if (bytes === undefined) this.#bytes.delete(`p${toHex(prefix)}`)
      else this.#bytes.set(`p${toHex(prefix)}`, bytes)
  }
  putSaved(saved: SavedLog): void {
    this.#saved = saved
  }
  putCheckpoint(): void {}
  dropCheckpointsBefore(): void {}
}
