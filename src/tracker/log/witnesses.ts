/**
 * Who witnesses this log: each provider whose newest record names a cosigning key, for the operator that its invite names, where the
 * first admins let that operator witness (core/open/log/heads/witness-rule.ts). The operator of the log itself is the pool's founder,
 * whose own providers don't count.
 */
import { FolderError } from '../../core/open/errors.ts'
import type { Witness } from '../../core/open/log/heads/cosignature.ts'
import { keyedRows } from '../../core/open/log/replay/rows.ts'
import { isCounted, witnessStanding } from '../../core/open/log/heads/witness-rule.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import { providerInviteCodec, providerRecordCodec } from '../../core/open/objects/provider-record.ts'
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

/**
 * Whether this provider's cosignatures are taken: of operators that count, and of those that did until the admins withdrew them, since
 * clients take over the smaller set from a head that the larger one has signed.
 */
export function mayCosign(tables: TrackerReader, provider: ProviderRow): boolean {
  return standingOf(tables, adminsOf(tables), provider) !== 'waiting'
}

export function witnessesOf(tables: TrackerReader): {
  readonly witnesses: readonly ProviderWitness[]
  readonly tracker: Uint8Array
} {
  const admins = adminsOf(tables)
  const witnesses = tables.providers.providers().flatMap((provider) => {
    const key = witnessKeyOf(provider)
    if (key === undefined || !isCounted(standingOf(tables, admins, provider))) return []
    return [{ key, operator: provider.operator, provider }]
  })
  return { witnesses, tracker: admins[0] ?? ZERO_ID }
}

function adminsOf(tables: TrackerReader): readonly Uint8Array[] {
  const genesis = tables.log.entry(0)?.body
  return genesis === undefined ? [] : genesisCodec.decode(genesis).admins
}

function standingOf(
  { providers, proofs }: TrackerReader,
  admins: readonly Uint8Array[],
  provider: ProviderRow,
): ReturnType<typeof witnessStanding> {
  const invite = providers.providerInvite(provider.invite)
  if (invite === undefined)
    throw new FolderError('the invite of a provider is missing', { provider: provider.id })
  const { member } = providerInviteCodec.decode(invite.signed[0])
  const rows = keyedRows((key) => proofs.row(key))
  return witnessStanding(admins, member, rows.get('witnessVotes', provider.operator)?.votes ?? [])
}
