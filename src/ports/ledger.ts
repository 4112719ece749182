/**
 * The contracts on a chain: names, providers and the draw, the log's heads, revocation epochs (docs/spec/contracts.md).
 * Invariants:
 * - every write names who may do it, in the contract and not here; what this side is believed in is delay, nothing else.
 * - a write resolves when the network calls its block final, and is sent once whatever happens on the way: after an error
 *   with policy `retry` the same call finds what it did.
 * - the node behind it is not believed: a receipt counts only when the state shows its effect.
 * - addresses are 20, ids, roots and hashes 32 bytes; a block argument is a block number, its absence the newest block.
 */
import type { LedgerBinding, LedgerStatus, Receipt } from './ledger-chain.ts'
import type { LedgerNameReader, LedgerNameWriter } from './ledger-names.ts'
import type { LedgerProviderReader, LedgerProviderWriter } from './ledger-providers.ts'

export interface AnchoredHead {
  /** From 0, without gaps. */
  readonly index: number
  /** Entries of the log; rises with the index. */
  readonly size: number
  readonly root: Uint8Array
  /** The block's number and time, Unix seconds. */
  readonly block: number
  readonly time: number
}

export interface SpaceEpoch {
  readonly space: Uint8Array
  readonly epoch: number
}

export interface LedgerReader extends LedgerNameReader, LedgerProviderReader {
  readonly binding: LedgerBinding
  status(): Promise<LedgerStatus>
  /** The hash of a block; undefined for one that the chain doesn't have. */
  blockHash(block: number): Promise<Uint8Array | undefined>
  /** How many heads are anchored. */
  headCount(block?: number): Promise<number>
  latestHead(block?: number): Promise<AnchoredHead | undefined>
  headAt(index: number, block?: number): Promise<AnchoredHead | undefined>
  /** The newest head of at most this size. */
  headUpTo(size: number, block?: number): Promise<AnchoredHead | undefined>
  /** A space's revocation epoch; 0 when none was raised. */
  epochOf(space: Uint8Array, block?: number): Promise<number>
}

export interface LedgerWriter extends LedgerNameWriter, LedgerProviderWriter {
  /** ConflictError: the newest head isn't smaller; DeniedError: this key isn't the anchoring one. */
  anchor(size: number, root: Uint8Array): Promise<Receipt>
  /** At most 64; ConflictError when one doesn't rise. */
  raiseEpochs(epochs: readonly SpaceEpoch[]): Promise<Receipt>
}

export interface Ledger extends LedgerReader, LedgerWriter {
  close(): Promise<void>
}

/** Opens the contracts that are pinned for reading, while `use` runs; UntrustedError when the node shows others, UnreachableError. */
export type WithLedger = <T>(chain: LedgerBinding, use: (ledger: LedgerReader) => Promise<T>) => Promise<T>
