/** A space that the member can open: its id, owner and secrets. */
import type { NodeKeys } from '../../core/secret/key-tree.ts'
import type { DedupSecret } from '../data-path.ts'

export interface Space {
  readonly id: Uint8Array
  /** Signed body of the genesis operation, whose hash is the id. */
  readonly genesis: Uint8Array
  /** The member whose operations count here. */
  readonly owner: Uint8Array
  readonly epoch: number
  readonly root: Uint8Array
  readonly rootGen: number
  /** The root's keys as the member's grant gives them. */
  readonly rootKeys: NodeKeys
  readonly dedup: DedupSecret
}
