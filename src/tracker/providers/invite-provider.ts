import { equalBytes } from '../../core/open/bytes.ts'
import { ConflictError, DeniedError } from '../../core/open/errors.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import { providerInviteCodec } from '../../core/open/objects/provider-record.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import type { Context } from '../../ports/rpc.ts'
import { ENTRY_KIND } from '../../ports/tracker-store-log.ts'
import { callingDevice } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'
import { nowSeconds, poolOf } from '../tracker-state.ts'

/** Invites are for the next days, not for keeping, seconds. */
export const MAX_INVITE_SECONDS = 30 * 24 * 3_600

/**
 * Takes in an invite that lets one provider in. Its operator is the inviting member; an admin may name an operator key, but no
 * other member. Throws DeniedError, UntrustedError, ConflictError when the invite's hash is known with another text.
 */
export function inviteProvider(
  state: TrackerState,
  { invite: signed }: { readonly invite: Signed },
  context: Context,
): Record<never, never> {
  return state.store.write((tables) => {
    const device = callingDevice(state, tables, context)
    const { genesis, pool } = poolOf(state, tables)
    const invite = openSigned(
      state.primitives,
      'provider-invite',
      pool,
      device.sign,
      providerInviteCodec,
      signed,
    )
    if (!equalBytes(invite.member, device.member) || !equalBytes(invite.device, device.device))
      throw new DeniedError('an invite is handed in by the device that signed it')
    const known = tables.providers.providerInvite(invite.invite)
    if (known !== undefined) {
      if (equalBytes(known.signed[0], signed[0])) return {}
      throw new ConflictError('this invite is known with another text')
    }
    if (!equalBytes(invite.operator, device.member)) {
      const admin = genesisCodec.decode(genesis).admins.some((id) => equalBytes(id, device.member))
      if (!admin || tables.members.member(invite.operator) !== undefined)
        throw new DeniedError(
          'a provider belongs to the inviting member; only an admin may name an operator key',
        )
    }
    const now = nowSeconds(state)
    if (invite.notAfter < now || invite.notAfter > now + MAX_INVITE_SECONDS)
      throw new DeniedError('an invite holds for 30 days at most', { notAfter: invite.notAfter })
    tables.providers.addProviderInvite({
      invite: invite.invite,
      operator: invite.operator,
      notAfter: invite.notAfter,
      signed,
    })
    tables.log.append(ENTRY_KIND.providerInvite, state.clock.now(), ...signed)
    state.events.providerInvited(invite.operator, device.member)
    return {}
  })
}
