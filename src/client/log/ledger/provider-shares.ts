import { toHex } from '../../../core/open/bytes.ts'
import { RAMP_BYTES, UNIT_BYTES } from '../../../core/open/placement/provider-weight.ts'
import type { LedgerProvider, LedgerProviders } from '../../../ports/ledger-providers.ts'
import type { Client } from '../../client.ts'

export interface Amounts {
  /** Bytes. */
  readonly capacity: number
  readonly used: number
}

export interface ReportedAmounts extends Amounts {
  /** Milliseconds since then; absent where it hasn't reported since the tracker's start, and the tracker counts what it placed there. */
  readonly ago?: number
}

export interface LedgerAmounts extends Amounts {
  /** Milliseconds since the provider signed them, by its clock; absent where it has signed none yet. */
  readonly ago?: number
}

export interface ProviderShare {
  /** Peer id, hexadecimal. */
  readonly id: string
  readonly name: string
  readonly state: 'up' | 'down'
  /** What the provider says of itself, by the tracker. */
  readonly reported: ReportedAmounts
  /** What the chain has of it, where it was asked and knows the provider: it lags, since small changes aren't written there. */
  readonly ledger?: LedgerAmounts
  /** In the draw: units of free space. */
  readonly weight: number
  readonly shards: number
  /** Of others' shards, kept while they are read a lot; counted nowhere else. */
  readonly copies: number
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
    const { capacity, used, reportedAgo } = provider
    const free = Math.floor(Math.min(RAMP_BYTES, Math.max(0, capacity - used)) / UNIT_BYTES)
    return {
      id,
      name: provider.name,
      state: provider.up ? ('up' as const) : ('down' as const),
      reported: { capacity, used, ...(reportedAgo === undefined ? {} : { ago: reportedAgo }) },
      ...(known === undefined || ledger === undefined
        ? {}
        : { ledger: ledgerAmounts(known, ledger.unit, client.clock.now()) }),
      weight: ledger === undefined ? free : (known?.weight ?? 0),
      shards: provider.shards,
      copies: provider.copies ?? 0,
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

function ledgerAmounts({ capacity, used, seq }: LedgerProvider, unit: number, now: number): LedgerAmounts {
  // The seq of a report is the time of its signature, in seconds; 0 before the first.
  const ago = seq === 0 ? {} : { ago: Math.max(0, now - seq * 1_000) }
  return { capacity: capacity * unit, used: used * unit, ...ago }
}
