/** Votes on who may witness. */
import { equalBytes } from '../../bytes.ts'
import { ConflictError, DeniedError } from '../../errors.ts'
import { genesisCodec } from '../../objects/identity.ts'
import type { Signed } from '../../objects/signed.ts'
import { openSigned } from '../../objects/signed.ts'
import { witnessVoteCodec } from '../../objects/witness-vote.ts'
import { POLICY, mapPolicy } from '../map/map-key.ts'
import { isAdmin } from '../heads/witness-rule.ts'
import type { Replay } from './replay.ts'
import { deviceAt } from './replay-members.ts'

/** A first admin's vote; the number of each one on the same operator rises by one, so that none is played again. */
export function replayWitnessVote(replay: Replay, signed: Signed): void {
  const { primitives, pool, rows } = replay
  const claimed = witnessVoteCodec.decode(signed[0])
  const device = deviceAt(replay, claimed.device, claimed.member)
  const vote = openSigned(primitives, 'witness-vote', pool, device.sign, witnessVoteCodec, signed)
  const { operator, member: admin, approved, seq } = vote
  if (!isAdmin(genesisCodec.decode(replay.genesis).admins, admin))
    throw new DeniedError('only a first admin says who may witness')
  const votes = rows.get('witnessVotes', operator)?.votes ?? []
  const before = votes.find((known) => equalBytes(known.admin, admin))?.seq ?? 0
  if (seq !== before + 1)
    throw new ConflictError("this does not follow this admin's last vote on the operator", { seq: before })
  const others = votes.filter((known) => !equalBytes(known.admin, admin))
  rows.put('witnessVotes', operator, { votes: [...others, { admin, approved, seq }] })
  replay.touch(mapPolicy(primitives, POLICY.witnessVote, operator, admin))
}
