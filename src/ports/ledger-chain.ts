/**
 * What a network promises: `embedded` (one sequencer: this pool's own process), `consortium` (validators with immediate
 * finality), `rollup` (a sequencer that settles elsewhere later), `public` (reorganisations until final).
 */
export type ChainKind = 'embedded' | 'consortium' | 'rollup' | 'public'

export interface BlockRef {
  readonly number: number
  /** 32 bytes. */
  readonly hash: Uint8Array
}

/** Proof, as far as the node is believed, that a transaction took effect. */
export interface Receipt {
  readonly block: BlockRef
  /** 32 bytes; none where an earlier transaction had done it already. */
  readonly transaction: Uint8Array | undefined
  readonly gas: number
}

/** What an admin signs and clients pin (SECURITY.md section 3). */
export interface LedgerBinding {
  readonly chainId: number
  /** 20 bytes. */
  readonly directory: Uint8Array
  /** Keccak-256 over the code hashes of all contracts, 32 bytes. */
  readonly codeHash: Uint8Array
  /** The address that may anchor, 20 bytes. */
  readonly anchor: Uint8Array
}

/** What a message to a contract is signed for: anywhere else the signature is worth nothing. */
export interface SigningDomain {
  readonly chainId: number
  /** The contract that checks the signature, 20 bytes. */
  readonly contract: Uint8Array
}

export interface LedgerStatus {
  readonly chain: {
    readonly id: number
    readonly kind: ChainKind
    readonly block: BlockRef
    /** Newest block that this network calls final. */
    readonly final: BlockRef
  }
  /** Gas of the transactions that this process sent. */
  readonly gasSpent: number
}
