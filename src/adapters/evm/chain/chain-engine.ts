/**
 * What executes the embedded chain's blocks; volatile: durability is the journal's. Promises:
 * - the same blocks on a new engine of the same settings give the same hashes, and so they do after `load` of a dump.
 * - transactions of a block are executed in the given order; one that can't be executed is left out, the same way each time.
 * - nothing stays pending after `mine`.
 */
import type { BlockRef } from '../../../ports/ledger-chain.ts'

export interface EngineSettings {
  readonly chainId: number
  /** Unix seconds of block 0. */
  readonly genesisTime: number
}

export interface ExecutedBlock extends BlockRef {
  /** Hashes of the executed transactions, `0x…`. */
  readonly transactions: readonly string[]
}

export interface ChainEngine {
  /** Executes a block on top of the newest; the time never falls. */
  mine(time: number, transactions: readonly string[]): Promise<ExecutedBlock>
  head(): Promise<BlockRef>
  /** Reads of the standard JSON-RPC. RpcRefusal, UnreachableError. */
  request(method: string, params: readonly unknown[]): Promise<unknown>
  /** All of its state, for `load`: opaque bytes. */
  dump(): Promise<Uint8Array>
  /** Settles when it ends by itself. */
  readonly ended: Promise<void>
  close(): Promise<void>
}

/** Starts an engine at block 0, or with a dump of another one with these settings; MalformedError for a dump it can't take. */
export type StartEngine = (settings: EngineSettings, dump?: Uint8Array) => Promise<ChainEngine>
