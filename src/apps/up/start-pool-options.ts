import type { LineSettings } from '../node/network/line-settings.ts'
import type { TransportMode } from '../node/network/transport-mode.ts'
import type { ChainNode } from '../tracker/ledger-record.ts'

export interface StartPoolOptions {
  readonly dir: string
  /** At least so many; those that are in the folder run too. */
  readonly providers: number
  /** Bytes that each provider lends. */
  readonly capacity: number
  readonly members: readonly string[]
  readonly restart: 'always' | 'never'
  /** Life of uncommitted stripes; by default the tracker's own, a day. */
  readonly leaseSeconds?: number
  /** When providers serve offline tickets; by default their own, ten minutes. */
  readonly offlineAfterSeconds?: number
  /** A chain of the pool's own, a node of another network, or none. */
  readonly chain: 'embedded' | 'none' | ChainNode
  /** Entries, and seconds, after which the log's head is anchored; by default the tracker's own. */
  readonly anchorEvery?: number
  readonly anchorSeconds?: number
  /** Which ways its roles and members connect. */
  readonly transport?: TransportMode | undefined
  /** What its roles and members may move beyond this machine, each; remembered. */
  readonly limits?: LineSettings | undefined
  readonly signal: AbortSignal
  /** Hears why the tracker anchors nothing, and of `undefined` when that is over. */
  readonly onLedgerProblem: (problem: string | undefined) => void
}
