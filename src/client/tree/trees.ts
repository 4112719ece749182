import { compareBytes, toHex } from '../../core/open/bytes.ts'
import { NotFoundError } from '../../core/open/errors.ts'
import { NODE_ID_BYTES } from '../../core/open/objects/suite.ts'
import type { NodeView, OperationView } from '../../core/open/protocol/tracker-methods.ts'
import { listSpaces } from '../../core/open/protocol/tracker-methods.ts'
import type { ClientParts } from '../client-parts.ts'
import { judged } from '../log/accuse.ts'
import type { LogReader } from '../log/log-reader.ts'
import { proveLogged } from '../log/prove-logged.ts'
import { joinPath, splitPath } from '../paths.ts'
import type { Read, Reading, Unit } from '../kept/reading.ts'
import type { Answers } from '../kept/recording.ts'
import type { ServedSpace } from './confirmed-answers.ts'
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

/** What was read, for the life of a client. */
class Memo {
  roots: Promise<ReadonlyMap<string, RemoteNode>> | undefined
  readonly children = new Map<string, Promise<Children>>()
  readonly places = new Map<string, Uint8Array>()
}

/**
 * The member's spaces as verified trees, read from the tracker when needed and remembered for the life of the client; after
 * an own commit the folder that it touched is forgotten. What was kept stands in for a tracker that is away only in `orKept`, and
 * isn't remembered longer than that: nobody writes on the ground of it.
 */
export class Trees {
  readonly #parts: Pick<ClientParts, 'primitives' | 'identity'>
  readonly #reading: Reading
  readonly #verifier: ChangeVerifier
  readonly #mayBeKept: boolean
  /** Shared by all that were made of one. */
  readonly #memo: Memo
  /** What was kept, or hangs on it. */
  readonly #kept = new Memo()
  readonly #keptNodes = new WeakSet<RemoteNode>()

  constructor(
    parts: Pick<ClientParts, 'primitives' | 'identity'>,
    reading: Reading,
    { mayBeKept, memo }: { readonly mayBeKept: boolean; readonly memo: Memo } = {
      mayBeKept: false,
      memo: new Memo(),
    },
  ) {
    this.#parts = parts
    this.#reading = reading
    this.#verifier = new ChangeVerifier(parts.primitives, parts.identity.pool, reading, mayBeKept)
    this.#mayBeKept = mayBeKept
    this.#memo = memo
  }

  /** For one operation that only reads: the same trees, in their last verified state where the tracker is away. */
  orKept(): Trees {
    return new Trees(this.#parts, this.#reading, { mayBeKept: true, memo: this.#memo })
  }

  /** The roots of the member's spaces by name. */
  roots(): Promise<ReadonlyMap<string, RemoteNode>> {
    const own = this.#mayBeKept ? this.#kept : this.#memo
    const known = this.#memo.roots ?? own.roots
    if (known !== undefined) return known
    const roots = this.#loadRoots().then(
      ({ value, isKept }) => {
        if (isKept) for (const root of value.values()) this.#keptNodes.add(root)
        else {
          if (own.roots === roots) this.#memo.roots = roots
          this.#reading.kept?.tickets.renew([...value.values()].map(({ space }) => space.id))
        }
        return value
      },
      (error: unknown) => {
        if (own.roots === roots) own.roots = undefined
        throw error
      },
    )
    own.roots = roots
    return roots
  }

  children(folder: RemoteNode): Promise<Children> {
    const key = childrenKey(folder)
    const own = (this.#mayBeKept ? this.#kept : this.#memo).children
    const known = this.#memo.children.get(key) ?? own.get(key)
    if (known !== undefined) return known
    const children = this.#loadChildren(folder).then(
      ({ value, isKept }) => {
        if (isKept || this.#keptNodes.has(folder))
          for (const node of [...value.byName.values(), ...value.conflicts]) this.#keptNodes.add(node)
        else if (own.get(key) === children) this.#memo.children.set(key, children)
        return value
      },
      (error: unknown) => {
        if (own.get(key) === children) own.delete(key)
        throw error
      },
    )
    own.set(key, children)
    return children
  }

  /** Forgets what was read, because it changed. */
  forget(): void {
    for (const memo of [this.#memo, this.#kept]) {
      memo.children.clear()
      memo.roots = undefined
    }
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

  #loadRoots(): Promise<Read<ReadonlyMap<string, RemoteNode>>> {
    const { identity } = this.#parts
    const unit: Unit = { kind: 'roots', ids: [], what: () => 'the list of your spaces' }
    return this.#reading.read(unit, this.#mayBeKept, async (answers) => {
      await answers.log.requireReadable()
      const served = await confirmedSpaces(answers.log, answers.tracker, identity.member)
      const roots = new Map<string, RemoteNode>()
      for (const space of served) {
        const root = await this.#root(answers, space)
        const { name } = root.metadata
        // Two spaces of one name: the later one is still reachable under its id.
        roots.set(roots.has(name) ? `${name}-${toHex(space.view.space).slice(0, 8)}` : name, root)
      }
      return roots
    })
  }

  async #root(answers: Answers, { view, root: answer }: ServedSpace): Promise<RemoteNode> {
    const { primitives, identity } = this.#parts
    const space = await judged(
      answers.log,
      () => ({ answer: [listSpaces.id, listSpaces.response.encode({ spaces: [view] })] }),
      () => openSpace(primitives, identity, this.#verifier, view),
    )
    return this.#open(answers.log, space, undefined, answer.nodes[0]!, answer.operations)
  }

  /** Opens a node that the map has confirmed; none is older than what this home has seen. */
  async #open(
    log: LogReader,
    space: Space,
    parent: RemoteNode | undefined,
    view: NodeView,
    operations: readonly OperationView[],
  ): Promise<RemoteNode> {
    const { primitives, identity } = this.#parts
    const node = await judged(
      log,
      () => ({ answer: servedNode(view, operations) }),
      () => openNode(primitives, identity.pool, this.#verifier, space, parent, view, operations),
    )
    const seen = await log.versions.of(node.id)
    if (node.version < seen)
      throw await log.mistrust(
        'the tracker serves an older version of a node than it had shown before',
        {},
        {
          node: node.id,
          version: node.version,
          seen,
        },
      )
    await log.versions.see(node.id, node.version)
    this.#memo.places.set(toHex(node.id), parent?.id ?? NO_PARENT)
    return node
  }

  /** Where a node stood when it was read last; undefined for one that never was. */
  placeOf(node: Uint8Array): Uint8Array | undefined {
    return this.#memo.places.get(toHex(node))
  }

  /** Which of equal names comes first follows from their places in the log: the map proves those of the newest changes alone. */
  async #proveOrder(
    log: LogReader,
    nodes: readonly RemoteNode[],
    creations: ReadonlyMap<RemoteNode, OperationView>,
  ): Promise<void> {
    for (const node of twinsAmong(nodes)) await proveLogged(log, creations.get(node)!)
  }

  #loadChildren(folder: RemoteNode): Promise<Read<Children>> {
    const ids = [folder.space.id, folder.id]
    const unit: Unit = { kind: 'children', ids, what: () => `the list of the folder ${pathOf(folder)}` }
    return this.#reading.read(unit, this.#mayBeKept, async ({ log, tracker }) => {
      const all: RemoteNode[] = []
      const creations = new Map<RemoteNode, OperationView>()
      for (const { view, operations } of await confirmedChildren(log, tracker, folder)) {
        const node = await this.#open(log, folder.space, folder, view, operations)
        all.push(node)
        creations.set(node, operations[view.generations[0]!.operation]!)
      }
      await this.#proveOrder(log, all, creations)
      all.sort((a, b) => a.index - b.index || a.place - b.place || compareBytes(a.id, b.id))
      const byName = new Map<string, RemoteNode>()
      const conflicts: RemoteNode[] = []
      for (const node of all) {
        if (byName.has(node.metadata.name)) conflicts.push(node)
        else byName.set(node.metadata.name, node)
      }
      return { byName, conflicts }
    })
  }
}

/** As people write it. */
function pathOf(node: RemoteNode): string {
  const names: string[] = []
  for (let at: RemoteNode | undefined = node; at !== undefined; at = at.parent)
    names.unshift(at.metadata.name)
  return joinPath(names)
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
