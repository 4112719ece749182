import type { TrackerCalls } from '../tracker.ts'
import type { LogClient } from './log-client.ts'
import type { PartAnswer, ProvenEntry } from './map-query.ts'
import type { SeenView } from './pinned-view.ts'
import type { SeenVersions } from './seen-versions.ts'

/** An answer about the map, and the view under which it is proven. */
export interface Proven {
  readonly view: SeenView
  readonly found: readonly ProvenEntry[]
  /** The last answer, for evidence. */
  readonly proof: Uint8Array
  /** What the parts of the question were answered with, in order. */
  readonly answers: readonly PartAnswer[]
}

/** Who proves what stands in the log and its map: the log as the tracker serves it, or what was kept of it. */
export interface LogReader extends Pick<
  LogClient,
  | 'identity'
  | 'parts'
  | 'pins'
  | 'update'
  | 'view'
  | 'prove'
  | 'ownSize'
  | 'size'
  | 'mistrust'
  | 'requireReadable'
> {
  readonly tracker: TrackerCalls
  readonly versions: Pick<SeenVersions, 'of' | 'see'>
}
