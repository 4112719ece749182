import { toHex } from '../../core/open/bytes.ts'
import { RAMP_BYTES, UNIT_BYTES } from '../../core/open/provider-weight.ts'
import type { LedgerProviders } from '../../ports/ledger-providers.ts'
import type { Client } from '../client.ts'

export interface ProviderShare {
  /** Peer id, hexadecimal. */
  readonly id: string
  readonly name: string
  readonly state: 'up' | 'down'
  /** Bytes, by the ledger where it was asked, else by the provider's newest report to the tracker. */
  readonly capacity: number
  readonly used: number
  /** In the draw: units of free space. */
  readonly weight: number
  readonly shards: number
  /** Shares of placements, 0 to 1: by weight from now on, and as its shards are among all. */
  readonly expected: number
  readonly actual: number
}

/** Providers with their weight in the draw; `ledger` is what the chain holds of them, where it was asked. */
export async function providerShares(client: Client, ledger?: LedgerProviders): Promise<ProviderShare[]> {
  const providers = await client.providers.list(true)
  const onChain = new Map(ledger?.providers.map((provider) => [toHex(provider.id), provider]))
  const rows = providers.map((provider) => {
    const id = toHex(provider.id)
    const known = onChain.get(id)
    const unit = ledger?.unit ?? UNIT_BYTES
    const amounts =
      known === undefined
        ? { capacity: provider.capacity, used: provider.used }
        : { capacity: known.capacity * unit, used: known.used * unit }
    const free = Math.floor(Math.min(RAMP_BYTES, Math.max(0, amounts.capacity - amounts.used)) / unit)
    return {
      id,
      name: provider.name,
      state: provider.up ? ('up' as const) : ('down' as const),
      ...amounts,
      weight: ledger === undefined ? free : (known?.weight ?? 0),
      shards: provider.shards,
    }
  })
  const weights = rows.reduce((sum, { weight }) => sum + weight, 0)
  const shards = rows.reduce((sum, row) => sum + row.shards, 0)
  return rows
    .map((row) => ({
      ...row,
      expected: weights === 0 ? 0 : row.weight / weights,
      actual: shards === 0 ? 0 : row.shards / shards,
    }))
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
}
