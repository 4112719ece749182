/**
 * Checks a whole log, entry by entry, as a witness does: every signature, every rule, the map after each batch. What passes follows
 * from the genesis alone; whose log it is, who cosigned it and what the chain holds of it comes with the head.
 */
import { equalBytes } from '../../../core/open/bytes.ts'
import { AllmendError, UntrustedError } from '../../../core/open/errors.ts'
import type { Checkpoint, LogIdentity } from '../../../core/open/log/heads/checkpoint.ts'
import { logIdentity } from '../../../core/open/log/heads/checkpoint.ts'
import { verifyCosignatures } from '../../../core/open/log/heads/cosignature.ts'
import type { Anchor, EntryKind, LogEntry } from '../../../core/open/log/entry.ts'
import { ENTRY_KIND, headsCodec } from '../../../core/open/log/entry.ts'
import { LogSession } from '../../../core/open/log/log-session.ts'
import { operatorTimes, quorumOf } from '../../../core/open/log/heads/quorum.ts'
import { genesisCodec } from '../../../core/open/objects/identity.ts'
import type { Primitives } from '../../../core/open/primitives.ts'
import { AuditStorage } from './audit-storage.ts'
import { AuditedWitnesses } from '../witnesses/audited-witnesses.ts'

/** A head that a chain holds, as somebody says. */
export interface AnchoredSize {
  readonly size: number
  readonly root: Uint8Array
  readonly block: number
}

export interface LogVerdict {
  /** Entries. */
  readonly size: number
  readonly root: Uint8Array
  /** Time of the newest entry, Unix milliseconds. */
  readonly time: number
  readonly kinds: Readonly<Record<keyof typeof ENTRY_KIND, number>>
  /** Entries that the rules refuse: they are there and change nothing. */
  readonly voids: number
  readonly witnesses: {
    readonly operators: number
    /** How many operators must sign; 0 while fewer than three witness. */
    readonly needed: number
    readonly signed: number
  }
  /** The largest head that the ledger holds, whoever says so; entries behind it are proven by the log and its witnesses alone. */
  readonly anchored: AnchoredSize | undefined
  readonly tail: { readonly entries: number; readonly since: number | undefined }
}

export class LogAudit {
  /** Who witnesses by the entries so far. */
  readonly witnesses: AuditedWitnesses
  readonly #primitives: Primitives
  readonly #session: LogSession
  readonly #kinds = new Map<EntryKind, number>()
  readonly #times: { readonly size: number; readonly time: number }[] = []
  #genesis: Uint8Array | undefined
  #anchor: Anchor | undefined
  #voids = 0
  #time = 0

  constructor(primitives: Primitives) {
    this.#primitives = primitives
    this.#session = new LogSession(primitives, new AuditStorage())
    this.witnesses = new AuditedWitnesses(primitives)
  }

  get size(): number {
    return this.#session.size
  }

  /** Whose log it is, by its first entry. */
  get identity(): LogIdentity {
    if (this.#genesis === undefined) throw new UntrustedError('a log begins with the genesis of its pool')
    return logIdentity(genesisCodec.decode(this.#genesis))
  }

  get genesis(): Uint8Array | undefined {
    return this.#genesis
  }

  root(size: number): Uint8Array {
    return this.#session.tree.root(size)
  }

  consistency(from: number, to: number): Uint8Array[] {
    return this.#session.tree.consistency(from, to)
  }

  /** Takes in the next entry, which is void where the rules refuse it; throws UntrustedError that names it. */
  add(
    leaf: Uint8Array,
    changes: readonly Uint8Array[],
  ): { readonly entry: LogEntry; readonly isVoid: boolean } {
    const index = this.size
    this.#session.begin()
    let logged
    try {
      logged = this.#session.follow(leaf, changes)
    } catch (cause) {
      this.#session.rollback()
      if (!(cause instanceof AllmendError)) throw cause
      throw new UntrustedError(`entry ${index}: ${cause.message}`, { index }, { cause })
    }
    this.#session.commit()
    const { entry, touched } = logged
    this.#kinds.set(entry.kind, (this.#kinds.get(entry.kind) ?? 0) + 1)
    this.#time = entry.time
    if (this.#times.at(-1)?.time !== entry.time) this.#times.push({ size: index, time: entry.time })
    if (entry.kind === ENTRY_KIND.genesis) this.#genesis = entry.body
    const isVoid = entry.kind !== ENTRY_KIND.heads && touched.length === 0
    if (entry.kind === ENTRY_KIND.heads) this.#heads(entry.body, index)
    else if (isVoid) this.#voids++
    else this.witnesses.add(entry)
    return { entry, isVoid }
  }

  /** What is proven under a head of the log that was replayed; throws UntrustedError when it isn't one. */
  verdict(checkpoint: Checkpoint, tracker: Uint8Array, anchors: readonly AnchoredSize[]): LogVerdict {
    const { size, root } = checkpoint
    if (size !== this.size)
      throw new UntrustedError(
        `entry ${Math.min(size, this.size)}: the log has ${size} entries, not ${this.size}`,
        {
          index: Math.min(size, this.size),
        },
      )
    if (!equalBytes(this.root(size), root))
      throw new UntrustedError('the entries are not those that the log has signed', { size })
    for (const anchor of anchors)
      if (anchor.size <= size && !equalBytes(this.root(anchor.size), anchor.root))
        throw new UntrustedError(`the head of ${anchor.size} entries on the ledger is of another log`, {
          size: anchor.size,
          block: anchor.block,
        })
    const witnesses = this.witnesses.counted()
    const quorum = quorumOf(witnesses, tracker)
    const signed = operatorTimes(verifyCosignatures(this.#primitives, checkpoint, witnesses), tracker).length
    const all = [...anchors, ...(this.#anchor === undefined ? [] : [this.#anchor])]
    const anchored = all
      .filter((anchor) => anchor.size <= size)
      .reduce<AnchoredSize | undefined>(
        (best, { size: entries, root: head, block }) =>
          best !== undefined && best.size >= entries ? best : { size: entries, root: head, block },
        undefined,
      )
    const tail = size - (anchored?.size ?? 0)
    return {
      size,
      root,
      time: this.#time,
      kinds: Object.fromEntries(
        Object.entries(ENTRY_KIND).map(([name, kind]) => [name, this.#kinds.get(kind) ?? 0]),
      ) as LogVerdict['kinds'],
      voids: this.#voids,
      witnesses: { operators: quorum.operators, needed: quorum.needed, signed },
      anchored,
      tail: { entries: tail, since: tail === 0 ? undefined : this.#timeOf(anchored?.size ?? 0) },
    }
  }

  #heads(body: Uint8Array, index: number): void {
    const { anchor } = headsCodec.decode(body)
    if (anchor === undefined) return
    if (anchor.size > index || !equalBytes(this.root(anchor.size), anchor.root))
      throw new UntrustedError(`entry ${index}: what the log says of the ledger is of another log`, { index })
    this.#anchor = anchor
  }

  #timeOf(index: number): number | undefined {
    return this.#times.findLast(({ size }) => size <= index)?.time
  }
}
