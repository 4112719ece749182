/**
 * Which operators' witnesses count. Members invite providers, and each invite names an operator: were that enough, one member could
 * admit sock puppets until they outvote everybody else. So it takes the first admins: the invite is one of theirs, or more than
 * half of them approve of the operator. More than half take it back, whoever invited.
 */
import { equalBytes } from '../../bytes.ts'

/** An admin's newest vote on one operator. */
export interface Vote {
  readonly admin: Uint8Array
  readonly approved: boolean
}

/** invited: by a first admin; approved, withdrawn: by their majority; waiting: neither, it doesn't count. */
export type WitnessStanding = 'invited' | 'approved' | 'waiting' | 'withdrawn'

/** How a witness stands whose provider came in by an invite of `inviter`; `votes` are those on its operator, one of each admin. */
export function witnessStanding(
  admins: readonly Uint8Array[],
  inviter: Uint8Array,
  votes: readonly Vote[],
): WitnessStanding {
  const counted = votes.filter(({ admin }) => isAdmin(admins, admin))
  const pro = counted.filter(({ approved }) => approved).length
  if (pro * 2 > admins.length) return 'approved'
  if ((counted.length - pro) * 2 > admins.length) return 'withdrawn'
  return isAdmin(admins, inviter) ? 'invited' : 'waiting'
}

/** Whether witnesses that stand so are counted. */
export function isCounted(standing: WitnessStanding): boolean {
  return standing === 'invited' || standing === 'approved'
}

export function isAdmin(admins: readonly Uint8Array[], member: Uint8Array): boolean {
  return admins.some((admin) => equalBytes(admin, member))
}
