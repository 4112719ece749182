/**
 * A witness of one pool's log. Invariants:
 * - what it signs, it has replayed from the genesis on, by the rules: no second history, no smaller head, no map that doesn't follow.
 * - a signature leaves only after what it is about is durable; key and state live in one store, so neither is used without the other.
 * - once two heads of the log contradict each other it signs nothing any more; the proof lies in the same store.
 * - it goes from head to head: a kill in between begins at the last one again.
 */
import { equalBytes } from '../../core/open/bytes.ts'
import { FolderError, ForkedError, UntrustedError } from '../../core/open/errors.ts'
import type { Checkpoint, LogIdentity } from '../../core/open/log/heads/checkpoint.ts'
import { logIdentity, openCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { ENTRY_KIND, entryCodec } from '../../core/open/log/entry.ts'
import { forkProofCodec, forkProofFrom } from '../../core/open/log/heads/fork-proof.ts'
import { LogSession } from '../../core/open/log/log-session.ts'
import type { NoteSignature } from '../../core/open/log/heads/note.ts'
import { keyedRows } from '../../core/open/log/replay/rows.ts'
import { verifyConsistency } from '../../core/open/log/verify-consistency.ts'
import type { ServedEntry } from '../../core/open/log/heads/witness-checkpoint.ts'
import { witnessCheckpoint } from '../../core/open/log/heads/witness-checkpoint.ts'
import { genesisCodec, poolIdOf } from '../../core/open/objects/identity.ts'
import type { Head } from '../../core/open/objects/operation.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { LogStore } from '../../ports/log-store.ts'
import type { Random } from '../../ports/random.ts'
import { BufferedStorage } from './buffered-storage.ts'

/** No table of rows has this number: the seed of the cosigning key lies beside what it has signed. */
const SEED_ROW = Uint8Array.of(255)
const SEED_BYTES = 32
/** Of the map, 5 MB: a provider has 150 MB for all that it does. */
const RESIDENT = { kept: 8_192, most: 8_192 }
/** Nor this: the proof of a fork, from which on nothing is signed. */
const FORK_ROW = Uint8Array.of(254)
const NO_KEY = new Uint8Array(0)

/** The seed of the cosigning key, made the first time. */
export function witnessSeed(store: LogStore, random: Random): Uint8Array {
  return store.write((storage) => {
    const known = storage.row(SEED_ROW)
    if (known?.length === SEED_BYTES) return known
    if (known !== undefined || storage.saved() !== undefined)
      throw new FolderError('the key of this witness is missing or damaged')
    const seed = random.bytes(SEED_BYTES)
    storage.putRows([{ key: SEED_ROW, value: seed }])
    return seed
  })
}

export class Witness {
  readonly #primitives: Primitives
  readonly #pool: Uint8Array
  readonly #seed: Uint8Array
  readonly #storage: BufferedStorage
  #session: LogSession
  #isOpen = false
  #genesis: Uint8Array | undefined
  #met: Checkpoint | undefined
  #own: Checkpoint | undefined
  #fork: Uint8Array | undefined

  /** Takes up where the store ends; throws FolderError where it doesn't fit together. */
  constructor(primitives: Primitives, store: LogStore, pool: Uint8Array, seed: Uint8Array) {
    this.#primitives = primitives
    this.#pool = pool
    this.#seed = seed
    this.#storage = new BufferedStorage(store)
    this.#session = new LogSession(primitives, this.#storage, RESIDENT)
    this.#genesis = keyedRows((key) => this.#storage.row(key)).get('pool', NO_KEY)?.genesis
    this.#fork = this.#storage.row(FORK_ROW)
    this.#own = this.#opened(this.#storage.checkpoint())
  }

  /** The encoded proof that this log has two histories; since then nothing is signed. */
  get fork(): Uint8Array | undefined {
    return this.#fork
  }

  /** The checkpoint that was signed last. */
  get own(): Checkpoint | undefined {
    return this.#own
  }

  /** The same, as operations name it. */
  get head(): Head | undefined {
    if (this.#own === undefined) return undefined
    const { size, root, signature } = this.#own
    return { size, root, signature }
  }

  /** The checkpoint that was opened last. */
  get met(): Checkpoint | undefined {
    return this.#met
  }

  /**
   * Stops for good, durably, where this head of the log contradicts the one that was signed here: gives the encoded proof. `way` is
   * what should lead from that to a larger head. Undefined where nothing is proven. Only when all is settled, or after `forget`.
   */
  stopAt(head: Checkpoint, way: readonly Uint8Array[]): Uint8Array | undefined {
    const { identity, own } = this
    if (identity === undefined || own === undefined || this.#isOpen) return undefined
    const [smaller, larger] = head.size <= own.size ? [head, own] : [own, head]
    const sent = head.size < own.size ? this.#session.tree.consistency(head.size, own.size) : way
    const proof = forkProofFrom(this.#primitives, identity, smaller, larger, sent)
    if (proof === undefined) return undefined
    this.#fork = forkProofCodec.encode(proof)
    this.#storage.putRows([{ key: FORK_ROW, value: this.#fork }])
    this.#storage.flush()
    return this.#fork
  }

  /** Entries that were replayed. */
  get size(): number {
    return this.#session.size
  }

  /** Whether what was replayed is durable: it ends at a head. */
  get isSettled(): boolean {
    return !this.#isOpen
  }

  /** Whose log this is; undefined before its first entry. */
  get identity(): LogIdentity | undefined {
    return this.#genesis === undefined ? undefined : logIdentity(genesisCodec.decode(this.#genesis))
  }

  /** Verifies that the log has signed this; throws UntrustedError, MalformedError. */
  open(note: Uint8Array): Checkpoint {
    const { identity } = this
    if (identity === undefined) throw new UntrustedError('a log begins with its genesis')
    this.#met = openCheckpoint(this.#primitives, identity, note)
    return this.#met
  }

  /** Replays the next entry. Throws UntrustedError, MalformedError, ForkedError; `forget` must follow then. */
  follow({ leaf, changes }: ServedEntry): void {
    if (this.#session.size === 0 && this.#genesis === undefined) this.#begin(leaf)
    if (!this.#isOpen) this.#session.begin()
    this.#isOpen = true
    this.#session.follow(leaf, changes)
  }

  /**
   * Makes what was replayed up to a head durable, on the way to a checkpoint: `proof` leads from there to it. Throws UntrustedError
   * when it doesn't; `forget` must follow then.
   */
  settle(checkpoint: Checkpoint, proof: readonly Uint8Array[]): void {
    const { size, tree } = this.#session
    if (!verifyConsistency(this.#primitives.sha256, { size, root: tree.root() }, checkpoint, proof))
      throw new UntrustedError('the entries that were served do not lead to the checkpoint', { size })
    this.#commit()
  }

  /**
   * Signs a checkpoint that ends with `last`, or again the one that was signed before (without `last`). `seconds` is our clock. What
   * it returns may leave: it is durable. Throws as `witnessCheckpoint` does; `forget` must follow then.
   */
  sign(note: Uint8Array, last: ServedEntry | undefined, seconds: number): NoteSignature {
    const { identity } = this
    if (identity === undefined) throw new UntrustedError('a log begins with its genesis')
    if (this.#fork !== undefined) throw new ForkedError('this log has two histories: nothing of it is signed')
    if (!this.#isOpen) this.#session.begin()
    this.#isOpen = true
    const entries = last === undefined ? [] : [last]
    const served = { note, entries }
    const line = witnessCheckpoint(this.#primitives, this.#session, identity, this.#seed, served, seconds)
    this.#commit({ size: this.#session.size, note })
    return line
  }

  /** Goes back to the last head that is durable. */
  forget(): void {
    if (this.#isOpen) this.#session.rollback()
    this.#isOpen = false
    this.#storage.forget()
    if (this.#session.size === 0) this.#genesis = undefined
  }

  #opened(note: Uint8Array | undefined): Checkpoint | undefined {
    const { identity } = this
    if (identity === undefined || note === undefined) return undefined
    return openCheckpoint(this.#primitives, identity, note)
  }

  #begin(leaf: Uint8Array): void {
    const { kind, body } = entryCodec.decode(leaf)
    if (kind !== ENTRY_KIND.genesis || !equalBytes(poolIdOf(this.#primitives, body), this.#pool))
      throw new UntrustedError('this log is not of this pool')
    this.#genesis = body
  }

  #commit(checkpoint?: { readonly size: number; readonly note: Uint8Array }): void {
    this.#storage.flush(checkpoint)
    if (checkpoint !== undefined) this.#own = this.#opened(checkpoint.note)
    this.#isOpen = false
    this.#session.commit()
  }
}
