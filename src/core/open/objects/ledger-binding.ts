/** What binds a pool to its ledger. */
import type { ValueOf } from '../schema.ts'
import { bytes, codec, struct, uint } from '../schema.ts'
import { signedField } from './signed.ts'
import { deviceId, id, suiteField } from './suite.ts'

/** An address on an Ethereum network, bytes. */
const address = bytes(20)
const MAX_BINDING_BYTES = 512

/** Signed by a first admin's device (tag "ledger-binding"): these contracts, and no others, are this pool's ledger. */
export const ledgerBindingField = struct({
  suite: [0, suiteField],
  chainId: [1, uint()],
  directory: [2, address],
  /** Keccak-256 over the hashes of the contracts' codes. */
  codeHash: [3, id],
  /** Who may anchor. */
  anchor: [4, address],
  member: [5, id],
  device: [6, deviceId],
})
export type SignedBinding = ValueOf<typeof ledgerBindingField>
export const ledgerBindingCodec = codec('ledger binding', ledgerBindingField, MAX_BINDING_BYTES)
export const signedLedgerBindingField = signedField(MAX_BINDING_BYTES)
