/** What a put is given and what it tells. */
import type { AllmendError } from '../../core/open/errors.ts'
import type { Waiting } from '../fetch/patience.ts'

export interface PutParameters {
  /** Local files and folders. */
  readonly sources: readonly string[]
  /** Remote path: an existing folder takes the sources in, else it is the new name of the only source. */
  readonly target: string
  readonly onProgress?: (progress: PutProgress) => void
  readonly signal?: AbortSignal
  /**
   * How long to wait for providers to come back, for the last shards of a stripe, or for anything at all to get on, ms; default 10,000, and
   * 60,000 where too few are there for any stripe and those that are missing were there less than that ago.
   */
  readonly waitMs?: number
  /** Called now and then while it waits for so many providers that nothing can be stored. */
  readonly onWaiting?: (waiting: Waiting) => void
}

export interface PutProgress {
  readonly phase: 'scan' | 'send' | 'finish'
  readonly files: number
  readonly totalFiles: number
  /** Bytes read, and of all sources. */
  readonly bytes: number
  readonly totalBytes: number
  /** Bytes of files whose shards went out; that can be read from the pool; that are as safe as they will be. */
  readonly sent: number
  readonly decodable: number
  readonly atTarget: number
}

export interface PutProblem {
  readonly path: string
  readonly error: AllmendError
}

/** How well the least safe stripe of this upload is stored. */
export interface Safety {
  /** Losses that every stripe survives now. */
  survives: number
  /** Losses that it will survive once what is missing is repaired. */
  target: number
  missingShards: number
}

export interface PutResult {
  readonly files: number
  readonly folders: number
  readonly symlinks: number
  /** Files that were in the pool just so. */
  readonly unchanged: number
  /** Bytes of the files. */
  readonly bytes: number
  /** Shard bytes that went to providers. */
  readonly sentBytes: number
  /** Those of them that went in vain or again: sending a shard was interrupted, or its provider failed, or too many did for its stripe. */
  readonly repeatedBytes: number
  /** What could not be read; everything else is stored. */
  readonly problems: readonly PutProblem[]
  readonly safety: Safety
  readonly warnings: readonly string[]
}
