import { BusyError, ConflictError } from '../../core/open/errors.ts'
import { equalBytes } from '../../core/open/bytes.ts'
import type { SignedCertificate } from '../../core/open/objects/identity.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import type { Context } from '../../ports/rpc.ts'
import { verifyNewcomer } from './enrolment.ts'
import type { TrackerState } from '../tracker-state.ts'
import { poolOf } from '../tracker-state.ts'

/** Whoever learns an invite's hash can register under it; the inviter tells the true one by its MAC. */
export const MAX_WAITING_PER_INVITE = 16
/** Newcomers in all: anybody may register. */
export const MAX_WAITING = 4_096
/** After this long nobody will admit them, ms. */
export const WAITING_MS = 30 * 24 * 3_600_000

/**
 * Lets a newcomer wait under an invite until a member admits him. A name isn't his before. Throws UntrustedError or
 * MalformedError for what doesn't verify, ConflictError for a used invite or a taken name, BusyError when too many wait.
 */
export function registerMember(
  state: TrackerState,
  request: {
    readonly invite: Uint8Array
    readonly mac: Uint8Array
    readonly record: Signed
    readonly certificate: SignedCertificate
  },
  context: Context,
): Record<never, never> {
  const { invite, mac, record, certificate } = request
  const { pool } = state.store.read((tables) => poolOf(state, tables))
  const newcomer = verifyNewcomer(state, pool, record, certificate, context.peerKey)
  const now = state.clock.now()
  return state.store.write(({ members }) => {
    const admitted = members.admittedBy(invite)
    if (admitted !== undefined && equalBytes(admitted, newcomer.id)) return {}
    if (admitted !== undefined)
      throw new ConflictError(
        'this invite was used, and is good for one person: `allmend member invite` makes another one',
      )
    if (members.member(newcomer.id) !== undefined)
      throw new ConflictError('this member belongs to the pool already')
    if (members.memberNamed(newcomer.record.name) !== undefined)
      throw new ConflictError('this name belongs to another member', { name: 'taken' })
    members.dropWaitingBefore(now - WAITING_MS)
    const known = members.waiting(newcomer.id).some((row) => equalBytes(row.invite, invite))
    if (!known && members.waitingUnder(invite).length >= MAX_WAITING_PER_INVITE)
      throw new BusyError('too many wait under this invite')
    if (!known && members.waitingCount() >= MAX_WAITING) throw new BusyError('too many newcomers wait')
    members.putWaiting({ invite, member: newcomer.id, mac, record, certificate, since: now })
    return {}
  })
}
