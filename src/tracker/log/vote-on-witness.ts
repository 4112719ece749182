import { equalBytes } from '../../core/open/bytes.ts'
import { DeniedError } from '../../core/open/errors.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { witnessVoteCodec } from '../../core/open/objects/witness-vote.ts'
import type { Context } from '../../ports/rpc.ts'
import { ENTRY_KIND } from '../../ports/tracker-store-log.ts'
import { callingDevice } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** Logs an admin's vote on who may witness. DeniedError for who is no first admin, ConflictError for one that doesn't follow his last. */
export function voteOnWitness(
  state: TrackerState,
  { vote: signed }: { readonly vote: Signed },
  context: Context,
): { index: number } {
  const { member, device } = witnessVoteCodec.decode(signed[0])
  return state.store.write((tables) => {
    const caller = callingDevice(state, tables, context)
    if (!equalBytes(member, caller.member) || !equalBytes(device, caller.device))
      throw new DeniedError('a vote is handed in by the device that signed it')
    const { index } = tables.log.append(ENTRY_KIND.witnessVote, state.clock.now(), ...signed)
    return { index }
  })
}
