import { compareBytes, toHex } from '../../core/open/bytes.ts'
import { NotFoundError, UntrustedError } from '../../core/open/errors.ts'
import { getNodes, listChildren, listSpaces } from '../../core/open/protocol/tracker-methods.ts'
import type { ClientParts } from '../client.ts'
import { joinPath, splitPath } from '../paths.ts'
import type { Tracker } from '../tracker.ts'
import { openNode } from './open-node.ts'
import { openSpace } from './open-space.ts'
import type { RemoteNode } from './remote-node.ts'
import type { Space } from './space.ts'
import { ChangeVerifier } from './verified-changes.ts'

/** A folder's live nodes by name; of equal names the first created, the others beside it. */
export interface Children {
  readonly byName: ReadonlyMap<string, RemoteNode>
  readonly conflicts: readonly RemoteNode[]
}

/**
 * The member's spaces as verified trees, read from the tracker when needed and remembered for the life of the client; after
 * an own commit the folder that it touched is forgotten.
 */
export class Trees {
  readonly #parts: Pick<ClientParts, 'primitives' | 'identity'>
  readonly #tracker: Tracker
  readonly #verifier: ChangeVerifier
  #roots: Promise<ReadonlyMap<string, RemoteNode>> | undefined
  readonly #children = new Map<string, Promise<Children>>()

  constructor(parts: Pick<ClientParts, 'primitives' | 'identity'>, tracker: Tracker) {
    this.#parts = parts
    this.#tracker = tracker
    this.#verifier = new ChangeVerifier(parts.primitives, parts.identity.pool, tracker)
  }

  /** The roots of the member's spaces by name. */
  roots(): Promise<ReadonlyMap<string, RemoteNode>> {
    this.#roots ??= this.#loadRoots().catch((error: unknown) => {
      this.#roots = undefined
      throw error
    })
    return this.#roots
  }

  children(folder: RemoteNode): Promise<Children> {
    const key = childrenKey(folder)
    let children = this.#children.get(key)
    if (children === undefined) {
      children = this.#loadChildren(folder)
      this.#children.set(key, children)
      children.catch(() => this.#children.delete(key))
    }
    return children
  }

  /** Forgets what was read, because it changed. */
  forget(): void {
    this.#children.clear()
    this.#roots = undefined
  }

  /** The node at a path, or undefined when some component isn't there. */
  async find(path: string): Promise<RemoteNode | undefined> {
    const [space, ...names] = splitPath(path)
    if (space === undefined) return undefined
    let node = (await this.roots()).get(space)
    for (const name of names) {
      if (node === undefined || node.metadata.kind !== 'folder') return undefined
      node = (await this.children(node)).byName.get(name)
    }
    return node
  }

  /** The node at a path; throws NotFoundError that names the first missing component. */
  async resolve(path: string): Promise<RemoteNode> {
    const names = splitPath(path)
    const node = await this.find(path)
    if (node !== undefined) return node
    for (let depth = 1; depth <= names.length; depth++) {
      const part = joinPath(names.slice(0, depth))
      if ((await this.find(part)) === undefined)
        throw new NotFoundError(
          depth === 1 ? `there is no space ${part} that you can see` : `${part} isn't there`,
          { path: part },
        )
    }
    throw new NotFoundError(`${path} isn't there`, { path })
  }

  async #loadRoots(): Promise<ReadonlyMap<string, RemoteNode>> {
    const { primitives, identity } = this.#parts
    const { spaces } = await this.#tracker.call(listSpaces, {})
    const roots = new Map<string, RemoteNode>()
    const seen = new Set<string>()
    for (const view of spaces) {
      const id = toHex(view.space)
      if (seen.has(id)) throw new UntrustedError('the tracker serves a space twice')
      seen.add(id)
      const space = await openSpace(primitives, identity, this.#verifier, view)
      const root = await this.#openRoot(space)
      const { name } = root.metadata
      // Two spaces of one name: the later one is still reachable under its id.
      roots.set(roots.has(name) ? `${name}-${toHex(space.id).slice(0, 8)}` : name, root)
    }
    return roots
  }

  async #openRoot(space: Space): Promise<RemoteNode> {
    const { primitives, identity } = this.#parts
    const { nodes, operations } = await this.#tracker.call(getNodes, { space: space.id, nodes: [space.root] })
    const view = nodes[0]
    if (view === undefined) throw new UntrustedError('the tracker withholds the root of a space')
    return openNode(primitives, identity.pool, this.#verifier, space, undefined, view, operations)
  }

  async #loadChildren(folder: RemoteNode): Promise<Children> {
    const { primitives, identity } = this.#parts
    const all: RemoteNode[] = []
    const seen = new Set<string>()
    let cursor: Uint8Array | undefined
    do {
      const page = await this.#tracker.call(listChildren, {
        space: folder.space.id,
        node: folder.id,
        cursor,
      })
      for (const view of page.nodes) {
        const id = toHex(view.node)
        if (seen.has(id)) throw new UntrustedError('the tracker serves a node twice')
        seen.add(id)
        all.push(
          await openNode(
            primitives,
            identity.pool,
            this.#verifier,
            folder.space,
            folder,
            view,
            page.operations,
          ),
        )
      }
      if (page.cursor !== undefined && page.nodes.length === 0)
        throw new UntrustedError('the tracker serves empty pages without end')
      cursor = page.cursor
    } while (cursor !== undefined)

    all.sort((a, b) => a.index - b.index || a.place - b.place || compareBytes(a.id, b.id))
    const byName = new Map<string, RemoteNode>()
    const conflicts: RemoteNode[] = []
    for (const node of all) {
      if (byName.has(node.metadata.name)) conflicts.push(node)
      else byName.set(node.metadata.name, node)
    }
    return { byName, conflicts }
  }
}

function childrenKey(folder: RemoteNode): string {
  return toHex(folder.space.id) + toHex(folder.id)
}
