/**
 * The pool's log as its tracker keeps it. Invariants:
 * - an entry, its leaf and what it touched are stored in one transaction with what the tracker's own tables make of it; an index
 *   means the same in all of them.
 * - a checkpoint is stored with the `heads` entry that it ends with: after a kill there are both or none.
 * - a batch is sealed at most 5 s or 1,000 entries after its first entry (`SealLoop`), sooner when somebody asks for it.
 * - served is the newest checkpoint with a quorum of witnesses, or the newest of all while there are fewer than three operators. Its
 *   map stays provable while the next one waits for its witnesses.
 */
import { equalBytes } from '../../core/open/bytes.ts'
import { FolderError } from '../../core/open/errors.ts'
import type { Checkpoint, LogIdentity } from '../../core/open/log/heads/checkpoint.ts'
import {
  encodeCheckpoint,
  logIdentity,
  openCheckpoint,
  signCheckpoint,
  withSignatures,
} from '../../core/open/log/heads/checkpoint.ts'
import { verifyCosignatures } from '../../core/open/log/heads/cosignature.ts'
import type { Anchor } from '../../core/open/log/entry.ts'
import { ENTRY_KIND, entryCodec } from '../../core/open/log/entry.ts'
import { LogSession } from '../../core/open/log/log-session.ts'
import type { MapView } from '../../core/open/log/map/map-view.ts'
import type { NoteSignature } from '../../core/open/log/heads/note.ts'
import { hasQuorum, operatorTimes, quorumOf } from '../../core/open/log/heads/quorum.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TrackerStore, TrackerWriter } from '../../ports/tracker-store.ts'
import type { TrackerEvents } from '../tracker-events.ts'
import { adoptEntries } from './adopt-entries.ts'
import { loggedTables } from './logged-tables.ts'
import { witnessesOf } from './witnesses.ts'

/** Entries after which a batch is sealed at once, and bytes of changes: what a witness takes in in one go. */
export const MAX_BATCH_ENTRIES = 1_000
export const MAX_BATCH_BYTES = 8 * 1024 * 1024

export interface TrackerLogParts {
  readonly primitives: Primitives
  readonly clock: Clock
  readonly store: TrackerStore
  readonly logSeed: Uint8Array
  readonly events: TrackerEvents
}

/** A checkpoint and the map that its last leaf names. */
export interface SealedHead {
  readonly checkpoint: Checkpoint
  readonly map: MapView
  /** Of its last leaf, Unix milliseconds. */
  readonly time: number
}

export class TrackerLog {
  readonly #parts: TrackerLogParts
  readonly #inner: TrackerStore
  readonly session: LogSession
  /** The tracker's store; what is appended to its log is an entry here. */
  readonly store: TrackerStore
  #identity: LogIdentity | undefined
  #sealed: SealedHead | undefined
  #served: SealedHead | undefined
  #batch = { entries: 0, bytes: 0 }
  #waiting: PromiseWithResolvers<void> = Promise.withResolvers()
  #changed: PromiseWithResolvers<void> = Promise.withResolvers()
  #witnesses: ReturnType<typeof witnessesOf> | undefined
  #awaited = 0
  /** What the ledger holds of this log, for the next `heads` entry. */
  anchor: Anchor | undefined

  /** Takes up the log, and makes it from the entries of a pool that had none. Throws FolderError where they don't fit together. */
  constructor(parts: TrackerLogParts) {
    const { primitives, store } = parts
    this.#parts = parts
    this.#inner = store
    this.session = store.write(({ proofs }) => new LogSession(primitives, proofs))
    this.store = {
      read: (work) => store.read(work),
      write: (work) => this.#write(work),
      close: () => store.close(),
    }
    adoptEntries(this.session, store, parts.events)
    this.#resume()
  }

  /** Whose log this is; undefined until the pool is founded. */
  get identity(): LogIdentity | undefined {
    if (this.#identity === undefined) {
      const genesis = this.#inner.read(({ log }) => log.entry(0)?.body)
      if (genesis !== undefined) this.#identity = logIdentity(genesisCodec.decode(genesis))
    }
    return this.#identity
  }

  /** The newest checkpoint that the log has signed. */
  get sealed(): SealedHead | undefined {
    return this.#sealed
  }

  /** The checkpoint that clients get. */
  get served(): SealedHead | undefined {
    return this.#served
  }

  /** Whether entries wait for a checkpoint. */
  get hasBatch(): boolean {
    return this.session.size > 0 && !this.session.isSealed
  }

  /** Says that somebody waits for a head of this many entries. */
  awaitHead(size: number): void {
    this.#awaited = Math.max(this.#awaited, size)
  }

  /** Whether somebody waits for a larger head than the served one. */
  get isAwaited(): boolean {
    return this.#awaited > (this.#served?.checkpoint.size ?? 0)
  }

  /** Resolves when entries wait for a checkpoint. */
  batchBegun(): Promise<void> {
    return this.hasBatch ? Promise.resolve() : this.#waiting.promise
  }

  /** Resolves when another checkpoint is sealed or served. */
  headChanged(): Promise<void> {
    return this.#changed.promise
  }

  /** Ends the batch: the map takes it in, the log signs the new head. Also without a batch, to show that it lives. */
  seal(): void {
    const { clock, primitives, logSeed } = this.#parts
    const { identity, session } = this
    if (identity === undefined) return
    const { checkpoint, time } = this.#transaction((tables) => {
      const { entry } = session.seal(clock.now(), this.anchor)
      tables.log.append(ENTRY_KIND.heads, entry.time, entry.body, entry.signatures)
      const head = { size: session.size, root: session.tree.root() }
      const signed = signCheckpoint(primitives, identity, logSeed, head)
      tables.proofs.putCheckpoint(head.size, encodeCheckpoint(primitives, identity, signed))
      return { checkpoint: signed, time: entry.time }
    })
    this.#batch = { entries: 0, bytes: 0 }
    this.#waiting = Promise.withResolvers()
    this.#setSealed({ checkpoint, map: session.map.view(), time })
    this.#promote()
  }

  /** Adds a witness's line to a checkpoint that is sealed or served; false where it is neither. */
  addCosignature(size: number, line: NoteSignature): boolean {
    const { identity } = this
    const at = [this.#sealed, this.#served].find((head) => head?.checkpoint.size === size)
    if (at === undefined || identity === undefined) return false
    const next = { ...at, checkpoint: withSignatures(at.checkpoint, [line]) }
    const note = encodeCheckpoint(this.#parts.primitives, identity, next.checkpoint)
    this.#inner.write(({ proofs }) => proofs.putCheckpoint(size, note))
    if (this.#sealed?.checkpoint.size === size) this.#sealed = next
    if (this.#served?.checkpoint.size === size) this.#served = next
    this.#promote()
    return true
  }

  /** Who witnesses, by the entries so far. */
  witnesses(): ReturnType<typeof witnessesOf> {
    // Asked for with each head, and changed by what only other entries than operations say.
    this.#witnesses ??= this.#inner.read(witnessesOf)
    return this.#witnesses
  }

  /** The newest entry that touched a key, a waiting batch left out. */
  newestIndex(key: Uint8Array): number | undefined {
    return this.session.map.get(key)?.index
  }

  /** Serves what is sealed once a quorum has signed it. */
  #promote(): void {
    const { primitives } = this.#parts
    const sealed = this.#sealed
    if (sealed === undefined) return
    const { witnesses, tracker } = this.witnesses()
    const quorum = quorumOf(witnesses, tracker)
    const times = operatorTimes(verifyCosignatures(primitives, sealed.checkpoint, witnesses), tracker)
    if (hasQuorum(times, quorum) && this.#served !== sealed) {
      if (this.#served !== undefined && this.#served.map !== sealed.map) {
        this.#inner.write(({ proofs }) => proofs.dropCheckpointsBefore(sealed.checkpoint.size))
        this.#served.map.release()
      }
      this.#served = sealed
    }
    const changed = this.#changed
    this.#changed = Promise.withResolvers()
    changed.resolve()
  }

  /** What was sealed before this start; the loop seals a batch that a kill left open. */
  #resume(): void {
    const { primitives, logSeed } = this.#parts
    const { identity, session } = this
    if (identity === undefined) return
    if (!equalBytes(primitives.ed25519Public(logSeed), identity.key))
      throw new FolderError("this tracker's log key is not the one of its pool")
    const stored = this.#inner.read(({ proofs }) => {
      const note = proofs.checkpoint()
      const checkpoint = note === undefined ? undefined : openCheckpoint(primitives, identity, note)
      const last = checkpoint === undefined ? undefined : proofs.leaf(checkpoint.size - 1)?.leaf
      return checkpoint === undefined || last === undefined ? undefined : { checkpoint, last }
    })
    if (stored === undefined) return
    const { checkpoint, last } = stored
    const isOurs =
      checkpoint.size <= session.size && equalBytes(checkpoint.root, session.tree.root(checkpoint.size))
    if (!isOurs) throw new FolderError('the stored checkpoint is not of the stored log')
    // Entries since then wait, so the map still is that of the newest checkpoint.
    this.#setSealed({ checkpoint, map: session.map.view(), time: entryCodec.decode(last).time })
    this.#promote()
  }

  #setSealed(head: SealedHead): void {
    if (this.#sealed !== undefined && this.#sealed.map !== this.#served?.map) this.#sealed.map.release()
    this.#sealed = head
  }

  #write<T>(work: (tables: TrackerWriter) => T): T {
    let entries = 0
    let bytes = 0
    let isAboutWitnesses = false
    const result = this.#transaction((tables) =>
      work(
        loggedTables(tables, this.session, (kind, size) => {
          entries++
          bytes += size
          isAboutWitnesses ||= kind !== ENTRY_KIND.operation
        }),
      ),
    )
    if (isAboutWitnesses) this.#witnesses = undefined
    if (entries === 0) return result
    this.#batch = { entries: this.#batch.entries + entries, bytes: this.#batch.bytes + bytes }
    if (this.#batch.entries >= MAX_BATCH_ENTRIES || this.#batch.bytes >= MAX_BATCH_BYTES) this.seal()
    else this.#waiting.resolve()
    return result
  }

  #transaction<T>(work: (tables: TrackerWriter) => T): T {
    const { session } = this
    session.begin()
    let result: T
    try {
      result = this.#inner.write(work)
    } catch (error) {
      session.rollback()
      throw error
    }
    session.commit()
    return result
  }
}
