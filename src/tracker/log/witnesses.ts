/**
 * Who witnesses this log: each provider whose newest record names a cosigning key, for the operator that its invite names. The
 * operator of the log itself is the pool's founder, whose own providers don't count.
 */
import type { Witness } from '../../core/open/log/cosignature.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import { providerRecordCodec } from '../../core/open/objects/provider-record.ts'
import { ZERO_ID } from '../../core/open/objects/suite.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'
import type { ProviderRow } from '../../ports/tracker-store-providers.ts'

export interface ProviderWitness extends Witness {
  readonly provider: ProviderRow
}

/** The key that a provider's newest record names. */
export function witnessKeyOf(row: ProviderRow): Uint8Array | undefined {
  return providerRecordCodec.decode(row.record[0]).witness
}

export function witnessesOf(tables: TrackerReader): {
  readonly witnesses: readonly ProviderWitness[]
  readonly tracker: Uint8Array
} {
  const genesis = tables.log.entry(0)?.body
  const tracker = genesis === undefined ? ZERO_ID : (genesisCodec.decode(genesis).admins[0] ?? ZERO_ID)
  const witnesses = tables.providers.providers().flatMap((provider) => {
    const key = witnessKeyOf(provider)
    return key === undefined ? [] : [{ key, operator: provider.operator, provider }]
  })
  return { witnesses, tracker }
}
