/** Who may witness: first admins' votes on operators (docs/spec/witness.md). */
import type { ValueOf } from '../schema.ts'
import { bool, codec, struct, uint } from '../schema.ts'
import { signedField } from './signed.ts'
import { deviceId, id, suiteField } from './suite.ts'

const MAX_VOTE_BYTES = 256

/** Signed by a first admin's device (tag "witness-vote"): whether this operator's witnesses shall count. */
export const witnessVoteField = struct({
  suite: [0, suiteField],
  operator: [1, id],
  approved: [2, bool()],
  /** Rises with each vote of this admin on this operator, from 1. */
  seq: [3, uint()],
  member: [4, id],
  device: [5, deviceId],
})
export type WitnessVote = ValueOf<typeof witnessVoteField>
export const witnessVoteCodec = codec('witness vote', witnessVoteField, MAX_VOTE_BYTES)
export const signedWitnessVoteField = signedField(MAX_VOTE_BYTES)
