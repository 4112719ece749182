import { UntrustedError } from '../../core/open/errors.ts'
import { encodeCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { entryCodec, entryHash, touchedRoot } from '../../core/open/log/entry.ts'
import { equalBytes } from '../../core/open/bytes.ts'
import { verifyMerklePath } from '../../core/open/merkle.ts'
import { logInclusion } from '../../core/open/protocol/log-methods.ts'
import type { OperationView } from '../../core/open/protocol/tracker-methods.ts'
import { judged } from './accuse.ts'
import { isEntryOf, isPromised, witnessesLag } from './confirm-claims.ts'
import type { LogReader } from './log-reader.ts'

/**
 * Proves that an operation took effect at the place and time in the log that the tracker says, or that the log promised so to this
 * device. Throws UntrustedError, NotEnoughProvidersError while witnesses lag.
 */
export async function proveLogged(log: LogReader, operation: OperationView): Promise<void> {
  const { primitives } = log.parts
  const { sha256 } = primitives
  const { index } = operation
  const { view } = await log.prove({ points: [], prefixes: [], covers: index + 1 })
  const { checkpoint, isWitnessed } = view
  const served = encodeCheckpoint(primitives, log.identity, checkpoint)
  if (index >= checkpoint.size) {
    if (isPromised(primitives, (await log.pins()).own, operation)) return
    if (isWitnessed) throw witnessesLag()
    throw await log.mistrust('the tracker gives an operation a place that its log has not come to', {
      served,
    })
  }
  const answer = await log.tracker.call(logInclusion, { index, size: checkpoint.size })
  const evidence = () => ({ served, entries: [answer.leaf], inclusion: answer.path })
  await judged(log, evidence, () => {
    const { leaf, path } = answer
    if (!verifyMerklePath(sha256, entryHash(sha256, leaf), index, checkpoint.size, path, checkpoint.root))
      throw new UntrustedError('the tracker does not prove the place of an operation in its log', { index })
    const entry = entryCodec.decode(leaf)
    // What was logged once more, in vain, touches nothing.
    if (!isEntryOf(entry, operation) || equalBytes(entry.touched, touchedRoot(sha256, [])))
      throw new UntrustedError('the tracker gives an operation the place of another', { index })
  })
}
