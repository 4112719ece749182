/** Providers: who let them in, which decides whose operator they count as. */
import { equalBytes } from '../../bytes.ts'
import { ConflictError, DeniedError } from '../../errors.ts'
import { peerId } from '../../hash.ts'
import { checkSigningKey } from '../../objects/curve-key.ts'
import { genesisCodec } from '../../objects/identity.ts'
import { providerInviteCodec, providerRecordCodec } from '../../objects/provider-record.ts'
import type { Signed } from '../../objects/signed.ts'
import { openSigned } from '../../objects/signed.ts'
import { POLICY, mapPolicy } from '../map/map-key.ts'
import type { Replay } from './replay.ts'
import { deviceAt } from './replay-members.ts'

/** Invites are for the next days, not for keeping, seconds. */
export const MAX_INVITE_SECONDS = 30 * 24 * 3_600

/** An invite for one provider; its operator is the inviting member, and only an admin may name an operator key instead. */
export function replayProviderInvite(replay: Replay, signed: Signed): void {
  const { primitives, pool, rows, seconds } = replay
  const claimed = providerInviteCodec.decode(signed[0])
  const device = deviceAt(replay, claimed.device, claimed.member)
  const invite = openSigned(primitives, 'provider-invite', pool, device.sign, providerInviteCodec, signed)
  const { operator, member, notAfter } = invite
  if (rows.get('providerInvite', invite.invite) !== undefined)
    throw new ConflictError('this invite is known already')
  if (!equalBytes(operator, member)) {
    const isAdmin = genesisCodec.decode(replay.genesis).admins.some((id) => equalBytes(id, member))
    if (!isAdmin || rows.get('member', operator) !== undefined)
      throw new DeniedError(
        'a provider belongs to the inviting member; only an admin may name an operator key',
      )
  }
  if (notAfter < seconds || notAfter > seconds + MAX_INVITE_SECONDS)
    throw new DeniedError('an invite holds for 30 days at most', { notAfter })
  rows.put('providerInvite', invite.invite, { operator, notAfter })
  replay.touch(mapPolicy(primitives, POLICY.providerInvite, invite.invite))
}

/** A provider's record, by its own key: the first uses its invite up, later ones keep it. */
export function replayProvider(replay: Replay, signed: Signed): void {
  const { primitives, pool, rows, seconds } = replay
  const claimed = providerRecordCodec.decode(signed[0])
  checkSigningKey(claimed.net)
  const record = openSigned(primitives, 'provider', pool, claimed.net, providerRecordCodec, signed)
  const id = peerId(primitives, record.net)
  const known = rows.get('provider', id)
  if (known === undefined) {
    const invite = rows.get('providerInvite', record.invite)
    if (invite === undefined) throw new DeniedError('this invite is unknown')
    if (invite.usedBy !== undefined) throw new ConflictError('this invite was used by another provider')
    if (invite.notAfter < seconds) throw new DeniedError('this invite is over', { notAfter: invite.notAfter })
    rows.put('providerInvite', record.invite, { ...invite, usedBy: id })
  } else {
    if (known.seq >= record.seq)
      throw new ConflictError('a newer record of this provider is known', { seq: known.seq })
    if (!equalBytes(known.invite, record.invite))
      throw new ConflictError('a provider keeps the invite that let it in')
  }
  rows.put('provider', id, { invite: record.invite, seq: record.seq })
  replay.touch(mapPolicy(primitives, POLICY.provider, id))
}
