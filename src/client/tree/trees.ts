import { compareBytes, toHex } from '../../core/open/bytes.ts'
import { NotFoundError } from '../../core/open/errors.ts'
import { NODE_ID_BYTES } from '../../core/open/objects/suite.ts'
import type { NodeView, OperationView } from '../../core/open/protocol/tracker-methods.ts'
import { listSpaces } from '../../core/open/protocol/tracker-methods.ts'
import type { ClientParts } from '../client.ts'
import { judged } from '../log/accuse.ts'
import type { LogClient } from '../log/log-client.ts'
import { proveLogged } from '../log/prove-logged.ts'
import { joinPath, splitPath } from '../paths.ts'
import type { Tracker } from '../tracker.ts'
import { confirmedChildren, confirmedSpaces } from './confirmed-answers.ts'
import { openNode } from './open-node.ts'
import { openSpace } from './open-space.ts'
import type { RemoteNode } from './remote-node.ts'
import { servedNode } from './served-node.ts'
import type { Space } from './space.ts'
import { ChangeVerifier } from './verified-changes.ts'

const NO_PARENT = new Uint8Array(NODE_ID_BYTES)

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
  readonly #log: LogClient
  readonly #verifier: ChangeVerifier
  #roots: Promise<ReadonlyMap<string, RemoteNode>> | undefined
  readonly #children = new Map<string, Promise<Children>>()
  readonly #places = new Map<string, Uint8Array>()

  constructor(parts: Pick<ClientParts, 'primitives' | 'identity'>, tracker: Tracker, log: LogClient) {
    this.#parts = parts
    this.#tracker = tracker
    this.#log = log
    this.#verifier = new ChangeVerifier(parts.primitives, parts.identity.pool, tracker, log)
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
    await this.#log.requireReadable()
    const served = await confirmedSpaces(this.#log, this.#tracker, identity.member)
    const roots = new Map<string, RemoteNode>()
    for (const { view, root: answer } of served) {
      const space = await judged(
        this.#log,
        () => ({ answer: [listSpaces.id, listSpaces.response.encode({ spaces: [view] })] }),
        () => openSpace(primitives, identity, this.#verifier, view),
      )
      const root = await this.#open(space, undefined, answer.nodes[0]!, answer.operations)
      const { name } = root.metadata
      // Two spaces of one name: the later one is still reachable under its id.
      roots.set(roots.has(name) ? `${name}-${toHex(space.id).slice(0, 8)}` : name, root)
    }
    return roots
  }

  /** Opens a node that the map has confirmed; none is older than what this home has seen. */
  async #open(
    space: Space,
    parent: RemoteNode | undefined,
    view: NodeView,
    operations: readonly OperationView[],
  ): Promise<RemoteNode> {
    const { primitives, identity } = this.#parts
    const node = await judged(
      this.#log,
      () => ({ answer: servedNode(view, operations) }),
      () => openNode(primitives, identity.pool, this.#verifier, space, parent, view, operations),
    )
    const seen = await this.#log.versions.of(node.id)
    if (node.version < seen)
      throw await this.#log.mistrust(
        'the tracker serves an older version of a node than it had shown before',
        {},
        {
          node: node.id,
          version: node.version,
          seen,
        },
      )
    await this.#log.versions.see(node.id, node.version)
    this.#places.set(toHex(node.id), parent?.id ?? NO_PARENT)
    return node
  }

  /** Where a node stood when it was read last; undefined for one that never was. */
  placeOf(node: Uint8Array): Uint8Array | undefined {
    return this.#places.get(toHex(node))
  }

  /** Which of equal names comes first follows from their places in the log: the map proves those of the newest changes alone. */
  async #proveOrder(
    nodes: readonly RemoteNode[],
    creations: ReadonlyMap<RemoteNode, OperationView>,
  ): Promise<void> {
    for (const node of twinsAmong(nodes)) await proveLogged(this.#log, creations.get(node)!)
  }

  async #loadChildren(folder: RemoteNode): Promise<Children> {
    const all: RemoteNode[] = []
    const creations = new Map<RemoteNode, OperationView>()
    for (const { view, operations } of await confirmedChildren(this.#log, this.#tracker, folder)) {
      const node = await this.#open(folder.space, folder, view, operations)
      all.push(node)
      creations.set(node, operations[view.generations[0]!.operation]!)
    }
    await this.#proveOrder(all, creations)
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

/** The nodes whose name others of them have as well. */
function twinsAmong(nodes: readonly RemoteNode[]): RemoteNode[] {
  const counts = new Map<string, number>()
  for (const { metadata } of nodes) counts.set(metadata.name, (counts.get(metadata.name) ?? 0) + 1)
  return nodes.filter(({ metadata }) => counts.get(metadata.name)! > 1)
}

function childrenKey(folder: RemoteNode): string {
  return toHex(folder.space.id) + toHex(folder.id)
}
