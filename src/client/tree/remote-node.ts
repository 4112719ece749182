/** What the client knows of a live node once everything about it is verified and opened. */
import type { Metadata } from '../../core/secret/metadata.ts'
import type { NodeKeys } from '../../core/secret/key-tree.ts'
import type { Space } from './space.ts'
import type { VerifiedChange } from './verified-changes.ts'

export interface RemoteNode {
  readonly space: Space
  readonly id: Uint8Array
  readonly parent: RemoteNode | undefined
  /** The newest change: its version and id, which the next one names as base. */
  readonly version: number
  readonly head: Uint8Array
  readonly gen: number
  /** Keys by generation, as far as the back boxes reach. */
  readonly keys: ReadonlyMap<number, NodeKeys>
  /** The parent generation that the current keys come from. */
  readonly parentGen: number
  readonly metadata: Metadata
  /** Unix milliseconds of the newest metadata. */
  readonly changed: number
  /** The change with the newest manifest; files only. */
  readonly content: VerifiedChange | undefined
  /** Order of creation: of equal names in a folder the lowest wins. */
  readonly index: number
  readonly place: number
}

/** The keys of a node's newest generation. */
export function currentKeys(node: RemoteNode): NodeKeys {
  // `openNode` always sets the current generation.
  return node.keys.get(node.gen)!
}
