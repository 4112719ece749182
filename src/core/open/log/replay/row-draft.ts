import { nameOf } from '../../bytes.ts'
import type { RowReader, RowWrite, Rows, Table } from './rows.ts'
import { encodeRow, rowKey } from './rows.ts'

/** Rows as an entry makes them, over those before it; nothing reaches these while the entry may still fail. */
export class RowDraft implements RowReader {
  readonly #below: RowReader
  /** What was put, by the key that it is stored under. */
  readonly #rows = new Map<string, { readonly table: Table; readonly key: Uint8Array; value: Rows[Table] }>()

  constructor(below: RowReader) {
    this.#below = below
  }

  get<T extends Table>(table: T, key: Uint8Array): Rows[T] | undefined {
    const own = this.#rows.get(nameOf(rowKey(table, key)))
    return own === undefined ? this.#below.get(table, key) : (own.value as Rows[T])
  }

  put<T extends Table>(table: T, key: Uint8Array, value: Rows[T]): void {
    const stored = rowKey(table, key)
    const name = nameOf(stored)
    const own = this.#rows.get(name)
    if (own === undefined) this.#rows.set(name, { table, key: stored, value })
    else own.value = value
  }

  /** What was put, as it is to be stored. */
  writes(): RowWrite[] {
    return Array.from(this.#rows.values(), ({ table, key, value }) => ({
      key,
      value: encodeRow(table, value),
    }))
  }
}
