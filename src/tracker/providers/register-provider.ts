import { equalBytes } from '../../core/open/bytes.ts'
import { CapacityError, ConflictError, DeniedError, UntrustedError } from '../../core/open/errors.ts'
import { peerId } from '../../core/open/hash.ts'
import { inviteHash } from '../../core/open/objects/identity.ts'
import type { ProviderRecord } from '../../core/open/objects/provider-record.ts'
import { providerRecordCodec } from '../../core/open/objects/provider-record.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import type { Context } from '../../ports/rpc.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'
import { ENTRY_KIND } from '../../ports/tracker-store-log.ts'
import { dialAddress } from './dial-address.ts'
import type { TrackerState } from '../tracker-state.ts'
import { nowSeconds, poolOf } from '../tracker-state.ts'

/** Providers of a pool: as many as one answer lists. */
export const MAX_PROVIDERS = 1_024

/**
 * Registers the calling provider with its invite's secret, or takes in a newer record. Answers the genesis. Throws DeniedError
 * for an invite that is unknown or over, ConflictError for one used by another provider or a record older than the known.
 */
export function registerProvider(
  state: TrackerState,
  request: { readonly secret?: Uint8Array | undefined; readonly record: Signed },
  context: Context,
): { genesis: Uint8Array } {
  const { record: signed, secret } = request
  return state.store.write((tables) => {
    const { genesis, pool } = poolOf(state, tables)
    const record = openSigned(
      state.primitives,
      'provider',
      pool,
      context.peerKey,
      providerRecordCodec,
      signed,
    )
    if (!equalBytes(record.net, context.peerKey))
      throw new UntrustedError('a provider registers over a connection of its own')
    const id = peerId(state.primitives, record.net)
    const address = dialAddress(record.address, context.connection.remoteAddress, record.net)
    const known = tables.providers.provider(id)
    const isSame = known !== undefined && equalBytes(known.record[0], signed[0])
    if (isSame && known.address === address) return { genesis }
    if (known !== undefined && !isSame && known.seq >= record.seq)
      throw new ConflictError('a newer record of this provider is known', { seq: known.seq })
    const operator = known?.operator ?? acceptInvite(state, tables, record, secret)
    if (known === undefined) {
      if (tables.providers.providers().length >= MAX_PROVIDERS)
        throw new CapacityError(`a pool has at most ${MAX_PROVIDERS} providers`, { providers: MAX_PROVIDERS })
      tables.providers.useProviderInvite(record.invite, id)
    } else if (!equalBytes(known.invite, record.invite))
      throw new ConflictError('a provider keeps the invite that let it in')
    const { net, name, invite, capacity, seq } = record
    tables.providers.putProvider({ id, net, name, operator, invite, address, capacity, seq, record: signed })
    state.events.providerRegistered(id, address)
    if (!isSame) tables.log.append(ENTRY_KIND.providerRecord, state.clock.now(), ...signed)
    return { genesis }
  })
}

const ANOTHER_INVITE = '`allmend provider invite` makes another one'

/** The operator that the invite names; throws DeniedError unless the secret opens it now. */
function acceptInvite(
  state: TrackerState,
  tables: TrackerReader,
  record: ProviderRecord,
  secret: Uint8Array | undefined,
): Uint8Array {
  if (secret === undefined) throw new DeniedError('the first registration needs the secret of an invite')
  if (!equalBytes(inviteHash(state.primitives, secret), record.invite))
    throw new DeniedError('this secret does not belong to this invite')
  const invite = tables.providers.providerInvite(record.invite)
  if (invite === undefined) throw new DeniedError(`the tracker doesn't know this invite: ${ANOTHER_INVITE}`)
  if (invite.usedBy !== undefined)
    throw new ConflictError(`this invite was used by another provider: ${ANOTHER_INVITE}`)
  if (invite.notAfter < nowSeconds(state))
    throw new DeniedError(`this invite is over: ${ANOTHER_INVITE}`, { notAfter: invite.notAfter })
  return invite.operator
}
