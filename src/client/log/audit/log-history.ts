/**
 * Who did what when, from the verified log: the entries up to a verified head, whose root they must give. Names of files are opened with
 * the keys that the member holds, as they were at the time; what he can't open is shown by its kind alone.
 */
import { equalBytes, toHex } from '../../../core/open/bytes.ts'
import { AllmendError, UntrustedError } from '../../../core/open/errors.ts'
import { encodeCheckpoint } from '../../../core/open/log/heads/checkpoint.ts'
import type { LogEntry } from '../../../core/open/log/entry.ts'
import { ENTRY_KIND, entryCodec, entryHash } from '../../../core/open/log/entry.ts'
import { LogTree } from '../../../core/open/log/log-tree.ts'
import type { Change } from '../../../core/open/objects/change.ts'
import { CHANGE_KIND, FORM_DERIVED, changeCodec } from '../../../core/open/objects/change.ts'
import {
  admitCodec,
  certificateCodec,
  memberIdOf,
  memberRecordCodec,
} from '../../../core/open/objects/identity.ts'
import type { Operation } from '../../../core/open/objects/operation.ts'
import { changesRoot, operationCodec, spaceIdOf } from '../../../core/open/objects/operation.ts'
import { ledgerBindingCodec } from '../../../core/open/objects/ledger-binding.ts'
import { providerInviteCodec, providerRecordCodec } from '../../../core/open/objects/provider-record.ts'
import { ZERO_ID } from '../../../core/open/objects/suite.ts'
import { witnessVoteCodec } from '../../../core/open/objects/witness-vote.ts'
import type { NodeKeys } from '../../../core/secret/key-tree.ts'
import { childKeys } from '../../../core/secret/key-tree.ts'
import { openMetadata } from '../../../core/secret/metadata.ts'
import type { Client } from '../../client.ts'
import { judged } from '../accuse.ts'
import { joinPath } from '../../paths.ts'
import type { RemoteNode } from '../../tree/remote-node.ts'
import { currentKeys } from '../../tree/remote-node.ts'
import { AuditStorage } from './audit-storage.ts'
import { readEntries } from './read-entries.ts'

export interface LogEvent {
  /** Of the entry in the log. */
  readonly index: number
  /** Unix milliseconds, as the log says. */
  readonly time: number
  /** The member's name, or his id where the log has none. */
  readonly who?: string
  readonly device?: string
  readonly what:
    | 'founded'
    | 'joined'
    | 'admitted'
    | 'enrolled'
    | 'invited-provider'
    | 'bound-ledger'
    | 'approved-witness'
    | 'withdrew-witness'
    | 'provider'
    | keyof typeof CHANGE_KIND
  /** The path that it was about, or came to be at; absent for what this member can't read. */
  readonly path?: string
  /** Where it was before, when that changed. */
  readonly from?: string
  readonly version?: number
  /** Bytes of a file. */
  readonly size?: number
  /** Of a device or provider. */
  readonly name?: string
}

export interface LogParameters {
  /** Only what happened to this remote file or folder, or below it. */
  readonly path?: string | undefined
  /** Unix milliseconds. */
  readonly since?: number | undefined
}

const KIND_NAMES = new Map(
  Object.entries(CHANGE_KIND).map(([name, kind]) => [kind as number, name as keyof typeof CHANGE_KIND]),
)

/**
 * The pool's history in its order; nothing is given out before all of it is verified.
 *
 * @throws UntrustedError for entries that aren't the log's, NotFoundError for a path that isn't there.
 */
export async function logHistory(client: Client, parameters: LogParameters = {}): Promise<LogEvent[]> {
  const { primitives, log, tracker } = client
  const node = parameters.path === undefined ? undefined : await client.trees.resolve(parameters.path)
  const roots = await client.trees.roots()
  const { checkpoint } = await log.view()
  const tree = new LogTree(primitives.sha256, new AuditStorage(), 0)
  const history = new History(client, roots, node)
  const events: LogEvent[] = []
  const served = () => ({ served: encodeCheckpoint(primitives, log.identity, checkpoint) })
  await judged(log, served, async () => {
    for await (const { leaf, changes } of readEntries(tracker, checkpoint.size)) {
      tree.append(entryHash(primitives.sha256, leaf))
      for (const event of history.add(entryCodec.decode(leaf), changes))
        if (event.time >= (parameters.since ?? 0)) events.push(event)
    }
    if (!equalBytes(tree.root(), checkpoint.root))
      throw new UntrustedError('the entries that the tracker serves are not those of its log')
  })
  return events
}

interface Known {
  readonly space: RemoteNode['space']
  readonly keys: ReadonlyMap<number, NodeKeys>
  readonly parent: string | undefined
  readonly name: string
}

class History {
  readonly #client: Client
  readonly #target: RemoteNode | undefined
  readonly #names = new Map<string, string>()
  readonly #devices = new Map<string, string>()
  readonly #spaces = new Map<string, { readonly root: RemoteNode; readonly name: string }>()
  readonly #nodes = new Map<string, Known>()

  constructor(client: Client, roots: ReadonlyMap<string, RemoteNode>, target: RemoteNode | undefined) {
    this.#client = client
    this.#target = target
    for (const [name, root] of roots) this.#spaces.set(toHex(root.space.id), { root, name })
  }

  add(entry: LogEntry, changes: readonly Uint8Array[]): LogEvent[] {
    const at = { index: entry.index, time: entry.time }
    const { primitives } = this.#client
    const pool = (event: Omit<LogEvent, 'index' | 'time'>): LogEvent[] =>
      this.#target === undefined ? [{ ...at, ...event }] : []
    switch (entry.kind) {
      case ENTRY_KIND.genesis:
        return pool({ what: 'founded' })
      case ENTRY_KIND.memberRecord: {
        const { name, sign } = memberRecordCodec.decode(entry.body)
        this.#names.set(toHex(memberIdOf(primitives, sign)), name)
        return pool({ what: 'joined', who: name })
      }
      case ENTRY_KIND.certificate: {
        const { member, device, label } = certificateCodec.decode(entry.body)
        this.#devices.set(toHex(device), label)
        return pool({ what: 'enrolled', who: this.#who(member), name: label })
      }
      case ENTRY_KIND.admit: {
        const { by, member, device } = admitCodec.decode(entry.body)
        return pool({ what: 'admitted', ...this.#by(by, device), name: this.#who(member) })
      }
      case ENTRY_KIND.providerInvite: {
        const { member, device } = providerInviteCodec.decode(entry.body)
        return pool({ what: 'invited-provider', ...this.#by(member, device) })
      }
      case ENTRY_KIND.ledgerBinding: {
        const { member, device } = ledgerBindingCodec.decode(entry.body)
        return pool({ what: 'bound-ledger', ...this.#by(member, device) })
      }
      case ENTRY_KIND.witnessVote: {
        const { member, device, operator, approved } = witnessVoteCodec.decode(entry.body)
        const what = approved ? 'approved-witness' : 'withdrew-witness'
        return pool({ what, ...this.#by(member, device), name: this.#who(operator) })
      }
      case ENTRY_KIND.providerRecord:
        return pool({ what: 'provider', name: providerRecordCodec.decode(entry.body).name })
      case ENTRY_KIND.operation: {
        const operation = operationCodec.decode(entry.body)
        if (!equalBytes(changesRoot(primitives, changes), operation.root))
          throw new UntrustedError(`entry ${entry.index}: these are not the changes that were signed`, {
            index: entry.index,
          })
        const space = equalBytes(operation.space, ZERO_ID)
          ? spaceIdOf(primitives, entry.body)
          : operation.space
        return changes.flatMap((encoded) => this.#change(at, operation, space, changeCodec.decode(encoded)))
      }
      default:
        return []
    }
  }

  #change(
    at: Pick<LogEvent, 'index' | 'time'>,
    operation: Operation,
    space: Uint8Array,
    change: Change,
  ): LogEvent[] {
    const what = KIND_NAMES.get(change.kind)
    if (what === undefined) return []
    const by = this.#by(operation.member, operation.device)
    const name = toHex(change.node)
    const wasWithin = this.#isWithin(name)
    const from = this.#path(name)
    const size = this.#learn(operation, space, change)
    if (this.#target !== undefined && !wasWithin && !this.#isWithin(name)) return []
    const path = this.#path(name)
    return [
      {
        ...at,
        ...by,
        what,
        ...(path === undefined ? {} : { path }),
        ...(from === undefined || from === path ? {} : { from }),
        version: change.version,
        ...(size === undefined ? {} : { size }),
      },
    ]
  }

  /** Takes in place, keys and name of a changed node where they can be opened; gives a file's size. */
  #learn(operation: Operation, space: Uint8Array, change: Change): number | undefined {
    const { primitives, identity } = this.#client
    const own = this.#spaces.get(toHex(space))
    if (own === undefined) return undefined
    const name = toHex(change.node)
    const before = this.#nodes.get(name)
    const keys = new Map(before?.keys)
    let parent = before?.parent
    const record = change.keyRecord
    if (record !== undefined) {
      const above = this.#nodes.get(toHex(record.parent))?.keys.get(record.parentGen)
      parent = toHex(record.parent)
      if (equalBytes(change.node, own.root.id)) keys.set(change.gen, currentKeys(own.root))
      else if (above !== undefined && record.form === FORM_DERIVED)
        keys.set(change.gen, childKeys(primitives, above, space, change.node, change.gen))
    }
    const known: Known = { space: own.root.space, keys, parent, name: before?.name ?? name.slice(0, 8) }
    this.#nodes.set(name, known)
    const current = keys.get(change.gen)
    if (current === undefined || change.meta === undefined) return undefined
    const place = {
      pool: identity.pool,
      space: operation.space,
      node: change.node,
      gen: change.gen,
      version: change.version,
      device: operation.device,
    }
    try {
      const metadata = openMetadata(primitives, current, place, change.meta)
      this.#nodes.set(name, { ...known, name: metadata.name })
      return metadata.kind === 'file' ? metadata.size : undefined
    } catch (error) {
      // Its author boxed something else: the entry is there all the same.
      if (!(error instanceof AllmendError)) throw error
      return undefined
    }
  }

  #path(node: string): string | undefined {
    const names: string[] = []
    for (let at: string | undefined = node; at !== undefined;) {
      const known: Known | undefined = this.#nodes.get(at)
      if (known === undefined) break
      const own = this.#spaces.get(toHex(known.space.id))!
      const isRoot = at === toHex(own.root.id)
      names.unshift(isRoot ? own.name : known.name)
      if (isRoot) return joinPath(names)
      at = known.parent
    }
    return undefined
  }

  #isWithin(node: string): boolean {
    if (this.#target === undefined) return true
    const target = toHex(this.#target.id)
    const seen = new Set<string>()
    for (
      let at: string | undefined = node;
      at !== undefined && !seen.has(at);
      at = this.#nodes.get(at)?.parent
    ) {
      if (at === target) return true
      seen.add(at)
    }
    return false
  }

  #who(member: Uint8Array): string {
    return this.#names.get(toHex(member)) ?? toHex(member)
  }

  #by(member: Uint8Array, device: Uint8Array): Pick<LogEvent, 'who' | 'device'> {
    const label = this.#devices.get(toHex(device))
    return { who: this.#who(member), ...(label === undefined ? {} : { device: label }) }
  }
}
