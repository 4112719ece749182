/**
 * Fork proofs: what shows to anybody who knows the pool's genesis that its log has two histories. A log-signed checkpoint, a
 * smaller head that contradicts it, and a proof that gives the checkpoint's tree another root at the smaller size. The
 * smaller head is log-signed too, or stands on the ledger, which the reader then asks by itself.
 */
import { equalBytes } from '../../bytes.ts'
import { MalformedError, UntrustedError } from '../../errors.ts'
import type { Primitives } from '../../primitives.ts'
import type { ValueOf } from '../../schema.ts'
import { array, bytesUpTo, codec, oneOf, optional, struct } from '../../schema.ts'
import type { Head } from '../../objects/operation.ts'
import { id } from '../../objects/suite.ts'
import type { Checkpoint, LogIdentity } from './checkpoint.ts'
import { checkpointText, encodeCheckpoint, openCheckpoint } from './checkpoint.ts'
import type { Anchor } from '../entry.ts'
import { anchorField } from '../entry.ts'
import { MAX_NOTE_BYTES } from './note.ts'
import type { TreeHead } from '../verify-consistency.ts'
import { MAX_CONSISTENCY_HASHES, foldConsistency, verifyConsistency } from '../verify-consistency.ts'

export const forkProofField = struct({
  v: [0, oneOf([1])],
  /** The larger checkpoint, a note. */
  checkpoint: [1, bytesUpTo(MAX_NOTE_BYTES)],
  /** The smaller one (or one of the same size): a note, or what the ledger holds. Exactly one of the two. */
  smaller: [2, optional(bytesUpTo(MAX_NOTE_BYTES))],
  anchor: [3, optional(anchorField)],
  /** The root that the larger tree has at the smaller size. */
  root: [4, id],
  /** The consistency proof from that root to the checkpoint. */
  proof: [5, array(id, MAX_CONSISTENCY_HASHES)],
})
export type ForkProof = ValueOf<typeof forkProofField>
/** Two notes, and hashes. */
export const MAX_FORK_PROOF_BYTES = 2 * MAX_NOTE_BYTES + 8 * 1024
export const forkProofCodec = codec('fork proof', forkProofField, MAX_FORK_PROOF_BYTES)

/** What a verified fork proof shows: two roots at one size. */
export interface Fork {
  readonly size: number
  /** Root at this size by the smaller head, and by the larger checkpoint. */
  readonly roots: readonly [Uint8Array, Uint8Array]
  /** Size of the larger checkpoint. */
  readonly larger: number
  readonly isAnchored: boolean
}

/**
 * Checks a fork proof of this log; throws MalformedError or UntrustedError for what proves nothing. Where `isAnchored`, the caller
 * must find the anchor on the ledger as well.
 */
export function verifyForkProof(
  primitives: Pick<Primitives, 'sha256' | 'ed25519Verify'>,
  log: LogIdentity,
  proof: ForkProof,
): Fork {
  const { anchor, smaller: note, root } = proof
  const larger = openCheckpoint(primitives, log, proof.checkpoint)
  let smaller: TreeHead | undefined = anchor
  if (note !== undefined) {
    if (anchor !== undefined) throw new MalformedError('a fork proof has one smaller head')
    smaller = openCheckpoint(primitives, log, note)
  }
  if (smaller === undefined) throw new MalformedError('a fork proof has a smaller head')
  if (equalBytes(smaller.root, root)) throw new UntrustedError('these heads do not contradict each other')
  if (!verifyConsistency(primitives.sha256, { size: smaller.size, root }, larger, proof.proof))
    throw new UntrustedError('this fork proof does not lead to its checkpoint')
  return {
    size: smaller.size,
    roots: [smaller.root, root],
    larger: larger.size,
    isAnchored: anchor !== undefined,
  }
}

/**
 * The proof that a log-signed checkpoint contradicts a smaller head, from what was sent as consistency proof; undefined when that
 * shows nothing: another root can only be shown where the sent hashes lead to the checkpoint.
 */
export function forkProofFrom(
  primitives: Pick<Primitives, 'sha256' | 'ed25519Verify'>,
  log: LogIdentity,
  smaller: Checkpoint | Anchor,
  larger: Checkpoint,
  sent: readonly Uint8Array[],
): ForkProof | undefined {
  if (smaller.size > larger.size) return undefined
  const root = otherRoot(primitives, smaller, larger, sent)
  if (root === undefined || equalBytes(root, smaller.root)) return undefined
  const proof: ForkProof = {
    v: 1,
    checkpoint: encodeCheckpoint(primitives, log, larger),
    ...('text' in smaller ? { smaller: encodeCheckpoint(primitives, log, smaller) } : { anchor: smaller }),
    root,
    proof: smaller.size === larger.size ? [] : sent,
  }
  verifyForkProof(primitives, log, proof)
  return proof
}

function otherRoot(
  { sha256 }: Pick<Primitives, 'sha256'>,
  smaller: TreeHead,
  larger: TreeHead,
  sent: readonly Uint8Array[],
): Uint8Array | undefined {
  if (smaller.size === larger.size) return larger.root
  if (smaller.size === 0) return undefined
  const roots = foldConsistency(sha256, smaller.size, larger.size, sent, smaller.root)
  return roots !== undefined && equalBytes(roots.now, larger.root) ? roots.old : undefined
}

/** The checkpoint of a head that an operation names: its lines and the log's signature, without cosignatures. */
export function headCheckpoint(log: LogIdentity, { size, root, signature }: Head): Checkpoint {
  return { size, root, text: checkpointText(log.origin, { size, root }), signature, others: [] }
}
