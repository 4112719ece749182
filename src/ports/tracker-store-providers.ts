import type { Signed } from '../core/open/objects/signed.ts'

export interface ProviderInviteRow {
  readonly invite: Uint8Array
  readonly operator: Uint8Array
  /** Unix seconds. */
  readonly notAfter: number
  readonly signed: Signed
  /** The provider that came in with it. */
  readonly usedBy: Uint8Array | undefined
}

export interface ProviderRow {
  readonly id: Uint8Array
  readonly net: Uint8Array
  readonly name: string
  readonly operator: Uint8Array
  readonly invite: Uint8Array
  /** host:port for dialling. */
  readonly address: string
  readonly capacity: number
  readonly seq: number
  readonly record: Signed
}

export interface ProviderReader {
  provider(id: Uint8Array): ProviderRow | undefined
  /** All, in the order of their registration. */
  providers(): ProviderRow[]
  providerInvite(invite: Uint8Array): ProviderInviteRow | undefined
}

export interface ProviderWriter extends ProviderReader {
  /** Throws ConflictError when the invite is there already. */
  addProviderInvite(row: Omit<ProviderInviteRow, 'usedBy'>): void
  /** Throws ConflictError when another provider used it. */
  useProviderInvite(invite: Uint8Array, provider: Uint8Array): void
  putProvider(row: ProviderRow): void
}
