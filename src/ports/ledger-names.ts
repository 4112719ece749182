import type { Receipt } from './ledger-chain.ts'

/** A name in the ledger: first come, never given to another member. */
export interface LedgerName {
  readonly name: string
  /** Member id, 32 bytes; never changes. */
  readonly member: Uint8Array
  /** 20-byte address of the key that may rotate; the member's, from the phrase (label `member/evm`) at first. */
  readonly owner: Uint8Array
  /** How often the owner was rotated: what the next rotation signs. */
  readonly rotations: number
}

/** What a newcomer signs, for the tracker to relay: nobody else can bind this name to that owner. */
export interface NameClaim {
  /** [a-z0-9-]{3,32}. */
  readonly name: string
  readonly member: Uint8Array
  readonly owner: Uint8Array
  /** 65 bytes by the owner: EIP-712 `Register` (docs/spec/contracts.md). */
  readonly signature: Uint8Array
}

export interface OwnerRotation {
  readonly name: string
  readonly next: Uint8Array
  /** EIP-712 `Rotate` by the owner so far, and by the next one. */
  readonly signature: Uint8Array
  readonly nextSignature: Uint8Array
}

export interface LedgerNameReader {
  /** The registry's address, 20 bytes: with the chain's id it is the domain of claims. */
  readonly nameContract: Uint8Array
  /** Who holds a name at a block (the newest without one). */
  nameRecord(name: string, block?: number): Promise<LedgerName | undefined>
  /** The name of an owner's address. */
  nameOf(owner: Uint8Array, block?: number): Promise<string | undefined>
}

export interface LedgerNameWriter {
  /** ConflictError: the name or the owner is taken; DeniedError: the signature isn't the owner's; UsageError: no valid name. */
  registerName(claim: NameClaim): Promise<Receipt>
  /** NotFoundError: no such name; DeniedError: a signature is wrong; ConflictError: the next owner has a name already. */
  rotateOwner(rotation: OwnerRotation): Promise<Receipt>
}

/** The 32-byte secp256k1 key's part; made by an adapter, since core knows no Ethereum. */
export interface NameSigner {
  /** 20 bytes. */
  addressOf(key: Uint8Array): Uint8Array
  signClaim(key: Uint8Array, claim: Pick<NameClaim, 'name' | 'member'>): Promise<NameClaim>
  /** `rotations` as the ledger's record has it now. */
  signRotation(key: Uint8Array, nextKey: Uint8Array, name: string, rotations: number): Promise<OwnerRotation>
}
