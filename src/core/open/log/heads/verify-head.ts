/**
 * What a client believes of the log, forwards only (SECURITY.md sections 3 and 6). A view comes from a checkpoint that the log
 * signed, a quorum of operators cosigned, that continues the pinned one, and whose last leaf is a `heads` entry: so the map root
 * is proven with it. A head that contradicts the pin gives evidence; nothing is ever taken back.
 */
import { equalBytes } from '../../bytes.ts'
import { UntrustedError } from '../../errors.ts'
import { leafHash, verifyMerklePath } from '../../merkle.ts'
import type { Primitives } from '../../primitives.ts'
import type { Checkpoint, LogIdentity } from './checkpoint.ts'
import { openCheckpoint } from './checkpoint.ts'
import type { Witness } from './cosignature.ts'
import { verifyCosignatures } from './cosignature.ts'
import type { Anchor } from '../entry.ts'
import { ENTRY_KIND, entryCodec, headsCodec } from '../entry.ts'
import type { ForkProof } from './fork-proof.ts'
import { forkProofFrom } from './fork-proof.ts'
import type { QuorumTime } from './quorum.ts'
import { hasQuorum, operatorTimes, quorumOf, quorumTime } from './quorum.ts'
import { verifyConsistency } from '../verify-consistency.ts'

type Verifier = Pick<Primitives, 'sha256' | 'ed25519Verify'>

/** Whom a client holds the log against: pinned from the genesis and the policy that it has seen. */
export interface LogTrust {
  readonly log: LogIdentity
  readonly witnesses: readonly Witness[]
  /** The operator that runs the log; his witnesses never count. */
  readonly tracker: Uint8Array
}

/** A verified state of log and map. */
export interface LogView {
  readonly checkpoint: Checkpoint
  /** Root of the map after all entries but the last. */
  readonly map: Uint8Array
  /** The last leaf's time, Unix milliseconds, as the log says. */
  readonly time: number
  readonly isWitnessed: boolean
  /** When a quorum confirmed it (or the log by itself while unwitnessed), for `freshness`. */
  readonly confirmed: QuorumTime
  /** What the last leaf says of the ledger. */
  readonly anchor: Anchor | undefined
}

/** A head as a tracker serves it. */
export interface ServedHead {
  /** The checkpoint, a note with cosignatures. */
  readonly note: Uint8Array
  /** From the pinned size to the checkpoint's; empty without a pin. */
  readonly consistency: readonly Uint8Array[]
  /** The last leaf and its inclusion path. */
  readonly leaf: Uint8Array
  readonly path: readonly Uint8Array[]
}

export type HeadVerdict =
  /** The view continues the pin (or confirms it anew): pin it. */
  | { readonly kind: 'valid'; readonly view: LogView }
  /** Smaller than the pin: an old answer, or a log that was rolled back. */
  | { readonly kind: 'behind'; readonly size: number }
  /** Two histories, proven: freeze. */
  | { readonly kind: 'forked'; readonly proof: ForkProof }

/**
 * Verifies a served head against the pin. Throws MalformedError and UntrustedError for what is no head of this log, lacks a quorum,
 * has a refused consistency proof (which stops writes until it is cleared) or no `heads` entry at its end.
 */
export function verifyHead(
  primitives: Verifier,
  trust: LogTrust,
  pin: Checkpoint | undefined,
  served: ServedHead,
): HeadVerdict {
  const { log, witnesses, tracker } = trust
  const checkpoint = openCheckpoint(primitives, log, served.note)
  if (pin !== undefined) {
    if (checkpoint.size < pin.size) return { kind: 'behind', size: checkpoint.size }
    if (!verifyConsistency(primitives.sha256, pin, checkpoint, served.consistency)) {
      const proof = forkProofFrom(primitives, log, pin, checkpoint, served.consistency)
      if (proof !== undefined) return { kind: 'forked', proof }
      throw new UntrustedError('this checkpoint does not continue the one that was seen before', {
        pinned: pin.size,
        size: checkpoint.size,
      })
    }
  }
  const quorum = quorumOf(witnesses, tracker)
  const times = operatorTimes(verifyCosignatures(primitives, checkpoint, witnesses), tracker)
  if (!hasQuorum(times, quorum))
    throw new UntrustedError('too few witnesses have signed this checkpoint', {
      signed: times.length,
      needed: quorum.needed,
    })
  const { map, time, anchor } = lastLeaf(primitives, checkpoint, served)
  const seconds = Math.floor(time / 1_000)
  const confirmed = quorumTime(times, quorum) ?? { time: seconds, median: seconds }
  const isWitnessed = quorum.needed > 0
  return { kind: 'valid', view: { checkpoint, map, time, isWitnessed, confirmed, anchor } }
}

function lastLeaf(
  { sha256 }: Verifier,
  { size, root }: Checkpoint,
  { leaf, path }: ServedHead,
): { map: Uint8Array; time: number; anchor: Anchor | undefined } {
  if (!verifyMerklePath(sha256, leafHash(sha256, leaf), size - 1, size, path, root))
    throw new UntrustedError('this leaf is not the last of the checkpoint', { size })
  const entry = entryCodec.decode(leaf)
  if (entry.index !== size - 1 || entry.kind !== ENTRY_KIND.heads || entry.signatures.length > 0)
    throw new UntrustedError("a checkpoint's last leaf holds the root of the map", { size })
  const { map, anchor } = headsCodec.decode(entry.body)
  return { map, time: entry.time, anchor }
}

/**
 * Holds a view against what stands on the ledger: `proof` leads from the anchor's size to the checkpoint's. Undefined when they agree;
 * throws UntrustedError when the proof shows neither.
 */
export function checkAnchor(
  primitives: Verifier,
  log: LogIdentity,
  { checkpoint }: LogView,
  anchor: Anchor,
  proof: readonly Uint8Array[],
): ForkProof | undefined {
  if (anchor.size > checkpoint.size)
    throw new UntrustedError('the ledger holds a larger head than the log serves', { anchored: anchor.size })
  if (verifyConsistency(primitives.sha256, anchor, checkpoint, proof)) return undefined
  const fork = forkProofFrom(primitives, log, anchor, checkpoint, proof)
  if (fork === undefined)
    throw new UntrustedError('the log does not show how it follows from the head on the ledger')
  return fork
}

/** Whether two log-signed heads, one perhaps from another client, contradict each other by themselves: one size, two roots. */
export function contradicts(a: Checkpoint, b: Checkpoint): boolean {
  return a.size === b.size && !equalBytes(a.root, b.root)
}
