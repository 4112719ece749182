/** What a get is given and what it tells. */
import type { AllmendError } from '../../core/open/errors.ts'
import type { Metadata } from '../../core/secret/metadata.ts'
import type { Waiting } from '../fetch/patience.ts'

export interface GetParameters {
  /** Remote files and folders. */
  readonly sources: readonly string[]
  /** Local path: an existing folder takes the sources in, else it is the new name of the only source. */
  readonly target: string
  readonly onProgress?: (progress: GetProgress) => void
  readonly signal?: AbortSignal
  /** How long to wait for providers that were there less than that ago, while nothing comes, ms; default 60,000, with 0 not at all. */
  readonly waitMs?: number
  /** Called each second while it waits for providers. */
  readonly onWaiting?: (waiting: Waiting) => void
}

export interface GetProgress {
  readonly files: number
  readonly totalFiles: number
  readonly bytes: number
  readonly totalBytes: number
}

export interface GetFailure {
  /** Remote path. */
  readonly path: string
  readonly error: AllmendError
}

export interface GetResult {
  readonly files: number
  readonly folders: number
  readonly symlinks: number
  readonly bytes: number
  /** Files that are not there now; nothing half-written was left of them. */
  readonly failed: readonly GetFailure[]
  /** Bad shards that were met, worked around and reported. */
  readonly damagedShards: number
}

export interface FetchOptions extends Pick<GetParameters, 'onProgress' | 'signal' | 'waitMs' | 'onWaiting'> {
  /** Whether a file is here already, from an earlier try: then it isn't fetched again. */
  readonly isHere?: (path: string, metadata: Metadata) => Promise<boolean>
}
