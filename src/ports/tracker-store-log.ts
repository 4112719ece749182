import type { EntryKind } from '../core/open/log/entry.ts'

export type { EntryKind } from '../core/open/log/entry.ts'
export { ENTRY_KIND } from '../core/open/log/entry.ts'

/** A signed object as it came in, and its place in the order of all of them. */
export interface Entry {
  /** From 0, without gaps. */
  readonly index: number
  readonly kind: EntryKind
  /** Unix milliseconds, never less than the entry's before. */
  readonly time: number
  /** Exact bytes. */
  readonly body: Uint8Array
  /** Signatures in the order of the object's format, concatenated; empty for a genesis. */
  readonly signatures: Uint8Array
}

export interface LogReader {
  /** Number of entries. */
  size(): number
  entry(index: number): Entry | undefined
  /** The entry of the operation with this id. */
  operationIndex(operation: Uint8Array): number | undefined
  /** The exact bytes of an operation's changes, in order; none for other entries. */
  changes(index: number): Uint8Array[]
  /** One of them. */
  change(index: number, place: number): Uint8Array | undefined
  /** How many changes an operation has. */
  changeCount(index: number): number
}

export interface LogWriter extends LogReader {
  /** Appends an object; `now` is raised to the newest entry's time when it lies before it. */
  append(kind: EntryKind, now: number, body: Uint8Array, signatures: Uint8Array): Entry
  /** Appends an operation with its changes; throws ConflictError when its id is there already. */
  appendOperation(
    now: number,
    operation: Uint8Array,
    body: Uint8Array,
    signature: Uint8Array,
    changes: readonly Uint8Array[],
  ): Entry
}
