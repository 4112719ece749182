import type { Primitives } from '../../primitives.ts'
import type { LogIdentity } from '../heads/checkpoint.ts'
import type { RowDraft } from './row-draft.ts'

/** What of the log itself an entry may refer to. */
export interface LogHistory {
  /** Entries before this one. */
  readonly size: number
  /** The log's root at a size up to that. */
  root(size: number): Uint8Array
}

/** What rules work on. */
export interface Replay {
  readonly primitives: Primitives
  readonly pool: Uint8Array
  readonly genesis: Uint8Array
  readonly log: LogIdentity
  readonly rows: RowDraft
  /** Unix seconds. */
  readonly seconds: number
  readonly history: LogHistory
  touch(key: Uint8Array, isRemoved?: boolean): void
}
