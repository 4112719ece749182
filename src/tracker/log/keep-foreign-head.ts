import { forkProofCodec, forkProofFrom, headCheckpoint } from '../../core/open/log/heads/fork-proof.ts'
import type { Operation } from '../../core/open/objects/operation.ts'
import type { TrackerState } from '../tracker-state.ts'

/**
 * A device names a head that the log has signed and that is not of this history: told, and kept as a fork proof where the newest
 * checkpoint is large enough to contradict it.
 */
export function keepForeignHead(
  state: TrackerState,
  { device, head }: Pick<Operation, 'device' | 'head'>,
): void {
  const { primitives, log, events } = state
  events.foreignHead(device, head.size)
  const { identity, sealed } = log
  if (identity === undefined || sealed === undefined || sealed.checkpoint.size < head.size) return
  const { checkpoint } = sealed
  const way = log.session.tree.consistency(head.size, checkpoint.size)
  const proof = forkProofFrom(primitives, identity, headCheckpoint(identity, head), checkpoint, way)
  if (proof !== undefined) state.forkProofs.keep(forkProofCodec.encode(proof))
}
