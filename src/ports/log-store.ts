/**
 * A store of a log, its map and its rows, by itself: what a witness keeps. The tracker has the same tables in its own store.
 * Hard promises of every adapter:
 * - `write` runs its work in one transaction: all of it is on stable storage when `write` returns, and none of it when the
 *   work throws or the process dies before.
 * - work is synchronous and alone; nobody else opens the same folder (FolderError).
 * - bytes come back as they were put; arguments aren't kept.
 */
import type { LogStorageReader, LogStorageWriter } from '../core/open/log/log-storage.ts'

export interface LogStore {
  read<T>(work: (storage: LogStorageReader) => T): T
  write<T>(work: (storage: LogStorageWriter) => T): T
  close(): void
}
