/**
 * What the tracker keeps. Hard promises of every adapter:
 * - `write` runs its work in one transaction: all of it is on stable storage when `write` returns, and none of it when the
 *   work throws or the process dies before.
 * - work is synchronous and alone: no other write runs in between, and nobody else opens the same folder (FolderError).
 * - `read` sees one state throughout. Rows are plain values; nothing in them changes later.
 * - Errors: ConflictError where a promise of uniqueness would break, CapacityError for a full disk; all else is a bug.
 */
import type { LogStorageReader, LogStorageWriter } from '../core/open/log/log-storage.ts'
import type { LogReader, LogWriter } from './tracker-store-log.ts'
import type { MemberReader, MemberWriter } from './tracker-store-members.ts'
import type { ProviderReader, ProviderWriter } from './tracker-store-providers.ts'
import type { SpaceReader, SpaceWriter } from './tracker-store-spaces.ts'
import type { StripeReader, StripeWriter } from './tracker-store-stripes.ts'

export interface TrackerReader {
  readonly log: LogReader
  /** The log's tree, its map, and what its rules remember. */
  readonly proofs: LogStorageReader
  readonly members: MemberReader
  readonly providers: ProviderReader
  readonly spaces: SpaceReader
  readonly stripes: StripeReader
}

export interface TrackerWriter extends TrackerReader {
  readonly log: LogWriter
  readonly proofs: LogStorageWriter
  readonly members: MemberWriter
  readonly providers: ProviderWriter
  readonly spaces: SpaceWriter
  readonly stripes: StripeWriter
}

export interface TrackerStore {
  read<T>(work: (tables: TrackerReader) => T): T
  write<T>(work: (tables: TrackerWriter) => T): T
  close(): void
}
