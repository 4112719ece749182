import { joinPath } from '../paths.ts'
import type { RemoteNode } from '../tree/remote-node.ts'

/** A file, folder or symlink in the pool as a person sees it. */
export interface RemoteEntry {
  readonly path: string
  readonly name: string
  readonly kind: 'file' | 'folder' | 'symlink'
  readonly size: number
  readonly mtimeSeconds: number
  readonly mtimeNanoseconds: number
  readonly mode: number
  readonly target?: string
  /** The node's id, 16 bytes. */
  readonly node: Uint8Array
  readonly version: number
  /** Another node of this name was there first. */
  readonly conflict: boolean
}

export function remoteEntry(node: RemoteNode, names: readonly string[], conflict = false): RemoteEntry {
  const { kind, name, size, mtimeSeconds, mtimeNanoseconds, mode, target } = node.metadata
  return {
    path: joinPath(names),
    name,
    kind,
    size,
    mtimeSeconds,
    mtimeNanoseconds,
    mode,
    ...(target === undefined ? {} : { target }),
    node: node.id,
    version: node.version,
    conflict,
  }
}
