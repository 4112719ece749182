/**
 * A member's trees out of a log that was replayed: what `Trees` reads from the tracker, as of the head at which the replay ended. Each
 * node is opened with the same checks; one that fails them is told, and the others are there all the same.
 */
import { compareBytes, equalBytes, toHex } from '../../core/open/bytes.ts'
import { AllmendError, UntrustedError } from '../../core/open/errors.ts'
import { changeCodec, changeId, checkChange } from '../../core/open/objects/change.ts'
import { operationCodec } from '../../core/open/objects/operation.ts'
import { NODE_ID_BYTES } from '../../core/open/objects/suite.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { Identity } from '../client-parts.ts'
import type { ReplayedSpace } from '../log/audit/replayed-spaces.ts'
import { openNode } from './open-node.ts'
import { openSpace } from './open-space.ts'
import type { RemoteNode } from './remote-node.ts'
import type { Children } from './trees.ts'
import type { NodeVerifier } from './verified-changes.ts'

export interface UnreadableNode {
  /** Of the folder, as far as it has names; the node's id stands for its own. */
  readonly path: string
  readonly error: AllmendError
}

export class ReplayedTrees {
  readonly #primitives: Primitives
  readonly #identity: Identity
  readonly #verifier: NodeVerifier
  readonly #spaces = new Map<string, ReplayedSpace>()
  readonly #children = new Map<string, Promise<Children>>()
  readonly #paths = new Map<string, string>()
  /** What could not be opened so far. */
  readonly unreadable: UnreadableNode[] = []

  constructor(primitives: Primitives, identity: Identity, spaces: readonly ReplayedSpace[]) {
    this.#primitives = primitives
    this.#identity = identity
    this.#verifier = replayedVerifier(primitives)
    for (const space of spaces) this.#spaces.set(toHex(space.view.space), space)
  }

  /** Roots by name; a name that two spaces have stands with the later one's id. */
  async roots(): Promise<ReadonlyMap<string, RemoteNode>> {
    const roots = new Map<string, RemoteNode>()
    for (const [id, replayed] of this.#spaces) {
      const [served] = replayed.children(new Uint8Array(NODE_ID_BYTES))
      const root = await this.#try(`/${id.slice(0, 16)}`, async () => {
        if (served === undefined) throw new UntrustedError('a space without a root')
        const space = await openSpace(this.#primitives, this.#identity, this.#verifier, replayed.view)
        return this.#open(space, undefined, served)
      })
      if (root === undefined) continue
      const { name } = root.metadata
      const own = roots.has(name) ? `${name}-${id.slice(0, 8)}` : name
      roots.set(own, root)
      this.#paths.set(toHex(root.id), `/${own}`)
    }
    return roots
  }

  children(folder: RemoteNode): Promise<Children> {
    const key = toHex(folder.space.id) + toHex(folder.id)
    const known = this.#children.get(key) ?? this.#load(folder)
    this.#children.set(key, known)
    return known
  }

  /** Of equal names the first created keeps it; the others get their ids behind it, so that all can stand in one folder. */
  async #load(folder: RemoteNode): Promise<Children> {
    const path = this.#paths.get(toHex(folder.id)) ?? ''
    const all: RemoteNode[] = []
    for (const served of this.#spaces.get(toHex(folder.space.id))?.children(folder.id) ?? []) {
      const id = toHex(served.view.node)
      const node = await this.#try(`${path}/${id}`, () => this.#open(folder.space, folder, served))
      if (node !== undefined) all.push(node)
    }
    all.sort((a, b) => a.index - b.index || a.place - b.place || compareBytes(a.id, b.id))
    const byName = new Map<string, RemoteNode>()
    for (const node of all) {
      const { name } = node.metadata
      const own = byName.has(name) ? `${name}.conflict-${toHex(node.id)}` : name
      byName.set(own, own === name ? node : { ...node, metadata: { ...node.metadata, name: own } })
      this.#paths.set(toHex(node.id), `${path}/${own}`)
    }
    return { byName, conflicts: [] }
  }

  #open(
    space: RemoteNode['space'],
    parent: RemoteNode | undefined,
    { view, operations }: ReturnType<ReplayedSpace['children']>[number],
  ): Promise<RemoteNode> {
    return openNode(this.#primitives, this.#identity.pool, this.#verifier, space, parent, view, operations)
  }

  async #try<T>(path: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof AllmendError)) throw error
      this.unreadable.push({ path, error })
      return undefined
    }
  }
}

/** The rules have passed each entry: its device and signature, its changes and where they stand. */
function replayedVerifier(primitives: Primitives): NodeVerifier {
  const operation: NodeVerifier['operation'] = (view, member) => {
    const opened = operationCodec.decode(view.signed[0])
    if (!equalBytes(opened.member, member))
      return Promise.reject(new UntrustedError('an operation in this space is by somebody else'))
    return Promise.resolve(opened)
  }
  return {
    operation,
    async change(view, operations, space) {
      const served = operations[view.operation]!
      const change = changeCodec.decode(view.change)
      checkChange(change)
      return {
        change,
        encoded: view.change,
        id: changeId(primitives, view.change),
        operation: await operation(served, space.owner),
        index: served.index,
        place: view.place,
        time: served.time,
      }
    },
  }
}
