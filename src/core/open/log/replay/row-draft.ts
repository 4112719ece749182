import { nameOf } from '../../bytes.ts'
import type { RowReader, RowWrite, Rows, Table } from './rows.ts'
import { encodeRow, rowKey } from './rows.ts'

/** Rows as an entry makes them, over those before it; nothing reaches these while the entry may still fail. */
export class RowDraft implements RowReader {
  readonly #below: RowReader
  readonly #rows = new Map<string, { table: Table; key: Uint8Array; value: Rows[Table] | undefined }>()
  readonly #written = new Set<string>()

  constructor(below: RowReader) {
    this.#below = below
  }

  get<T extends Table>(table: T, key: Uint8Array): Rows[T] | undefined {
    const name = table + nameOf(key)
    let row = this.#rows.get(name)
    if (row === undefined) {
      row = { table, key, value: this.#below.get(table, key) }
      this.#rows.set(name, row)
    }
    return row.value as Rows[T] | undefined
  }

  put<T extends Table>(table: T, key: Uint8Array, value: Rows[T]): void {
    const name = table + nameOf(key)
    this.#rows.set(name, { table, key, value })
    this.#written.add(name)
  }

  /** What was put, as it is to be stored. */
  writes(): RowWrite[] {
    return [...this.#written].map((name) => {
      const { table, key, value } = this.#rows.get(name)!
      return { key: rowKey(table, key), value: encodeRow(table, value!) }
    })
  }
}
