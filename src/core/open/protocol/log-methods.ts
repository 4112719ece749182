/**
 * What a tracker answers about the log and its map (docs/spec/tracker-protocol.md). Callers are devices of members and providers.
 * - Everything here is proven or signed: an answer that isn't is refused by its reader, never believed.
 * - The served head is the newest checkpoint that a quorum has cosigned, or that the log has signed while the pool is unwitnessed;
 *   proofs of the map are of its map. `covers` asks for a head of at least that size: the tracker ends its batch at once and waits
 *   some seconds for its witnesses, then answers with what there is.
 * - An answer of nodes (get-nodes, list-children, list-spaces) is proven by one `map-proof` with `covers` = its highest index + 1.
 */
import { MAX_CHANGE_BYTES } from '../objects/change.ts'
import { MAX_CHANGES } from '../objects/operation.ts'
import { signedLedgerBindingField } from '../objects/ledger-binding.ts'
import { id, publicKey } from '../objects/suite.ts'
import { signedWitnessVoteField } from '../objects/witness-vote.ts'
import { MAX_ENTRY_BYTES } from '../log/entry.ts'
import { MAP_KEY_BYTES } from '../log/map/map-key.ts'
import { MAX_FORK_PROOF_BYTES } from '../log/heads/fork-proof.ts'
import { MAX_MAP_PROOF_BYTES, MAX_PROOF_LEAVES } from '../log/map/map-proof.ts'
import { MAX_NOTE_BYTES } from '../log/heads/note.ts'
import { MAX_CONSISTENCY_HASHES } from '../log/verify-consistency.ts'
import type { ValueOf } from '../schema.ts'
import { array, bool, bytes, bytesUpTo, optional, struct, text, tuple, uint } from '../schema.ts'
import { method } from './method.ts'

const empty = struct({})
const consistency = array(id, MAX_CONSISTENCY_HASHES)
/** One hash for each bit of the size. */
const inclusion = array(id, 53)

/** A head as `verifyHead` takes it: note, consistency from the size that was named, the last leaf and its path. */
export const servedHeadField = struct({
  note: [0, bytesUpTo(MAX_NOTE_BYTES)],
  consistency: [1, consistency],
  leaf: [2, bytesUpTo(MAX_ENTRY_BYTES)],
  path: [3, inclusion],
})

/** The served head. `from` is the size that the caller has pinned; the proof is empty without one, or when it is ahead. */
export const logHead = method(
  60,
  'log-head',
  struct({ from: [0, optional(uint())], covers: [1, optional(uint())] }),
  struct({ head: [0, optional(servedHeadField)] }),
)

/** How one tree continues a smaller one. NotFoundError for sizes that the log doesn't have. */
export const logConsistency = method(
  61,
  'log-consistency',
  struct({ from: [0, uint()], to: [1, uint()] }),
  struct({ proof: [0, consistency] }),
)

/** Entries of one answer: a bundle of the log's tiles. */
export const MAX_ENTRIES = 256

/** Entries from an index on, fewer where they would be too many bytes, none at the log's end. */
export const logEntries = method(
  62,
  'log-entries',
  struct({
    from: [0, uint()],
    count: [1, uint(MAX_ENTRIES)],
    /** With their changes, which witnesses need. */
    changes: [2, bool()],
  }),
  struct({
    entries: [
      0,
      array(
        struct({
          leaf: [0, bytesUpTo(MAX_ENTRY_BYTES)],
          changes: [1, array(bytesUpTo(MAX_CHANGE_BYTES), MAX_CHANGES)],
        }),
        MAX_ENTRIES,
      ),
    ],
    /** Entries of the log now. */
    size: [1, uint()],
  }),
)

/** An entry, and its path in the tree of `size` entries. NotFoundError for what isn't there. */
export const logInclusion = method(
  63,
  'log-inclusion',
  struct({ index: [0, uint()], size: [1, uint()] }),
  struct({ leaf: [0, bytesUpTo(MAX_ENTRY_BYTES)], path: [1, inclusion] }),
)

export const MAX_MAP_POINTS = 1_024
export const MAX_MAP_PREFIXES = 64
const mapKey = bytes(MAP_KEY_BYTES)

/**
 * What stands in the map of the served head: at points, and under whole prefixes. A prefix is asked from a key on (the prefix and zeros
 * to begin with) and proven up to its `last`, which is the prefix and 0xff where nothing is left out; else the rest is asked for
 * from the key behind it. Points and prefixes must not overlap.
 */
export const mapProof = method(
  64,
  'map-proof',
  struct({
    /** The size of the head that the caller has: `head` is absent when it still is the served one. */
    from: [0, optional(uint())],
    covers: [1, optional(uint())],
    points: [2, array(mapKey, MAX_MAP_POINTS)],
    /** First keys; their first 16 bytes are the prefix. */
    prefixes: [3, array(mapKey, MAX_MAP_PREFIXES)],
    /** With the entries whose hashes the proof shows. */
    entries: [4, bool()],
  }),
  struct({
    head: [0, optional(servedHeadField)],
    /** As `verifyMapProof` takes it, of the ranges: points, and from each prefix' first key to its last. */
    proof: [1, bytesUpTo(MAX_MAP_PROOF_BYTES)],
    /** By prefix: the last key that is proven. */
    lasts: [2, array(mapKey, MAX_MAP_PREFIXES)],
    /** Each once, in the order of their indices. */
    entries: [3, array(bytesUpTo(MAX_ENTRY_BYTES), MAX_PROOF_LEAVES)],
  }),
)

// ---- witnesses ----

/**
 * The newest checkpoint that the log has signed, cosigned or not; waits some seconds for one larger than `after`. `isAwaited` when
 * somebody wants to read what only its quorum will confirm.
 */
export const nextCheckpoint = method(
  65,
  'next-checkpoint',
  struct({ after: [0, optional(uint())] }),
  struct({ note: [0, optional(bytesUpTo(MAX_NOTE_BYTES))], isAwaited: [1, optional(bool())] }),
)

/** Bytes of a cosignature/v1: time and signature. */
export const COSIGNATURE_BYTES = 72

/** A witness's line for the checkpoint of this size. UntrustedError for a wrong one, ConflictError where a larger one is cosigned. */
export const cosignCheckpoint = method(
  66,
  'cosign-checkpoint',
  struct({ size: [0, uint()], signature: [1, bytes(COSIGNATURE_BYTES)] }),
  empty,
)

export const witnessField = struct({
  provider: [0, id],
  operator: [1, id],
  /** Ed25519: its provider's newest record names it. */
  key: [2, publicKey],
  /** Entries of that record, and of the invite that names the operator: proven by the map (POLICY.provider, .providerInvite). */
  record: [3, uint()],
  invite: [4, uint()],
})
export type WitnessView = ValueOf<typeof witnessField>

/** Who witnesses this log: providers that may (docs/spec/witness.md); and which operator runs it, whose own don't count. */
export const listWitnesses = method(
  67,
  'list-witnesses',
  empty,
  struct({ tracker: [0, id], witnesses: [1, array(witnessField, 1_024)] }),
)

// ---- the ledger ----

export const anchoredHeadField = struct({
  /** From 0, without gaps. */
  index: [0, uint()],
  size: [1, uint()],
  root: [2, id],
  block: [3, uint()],
  /** Of the block, Unix seconds. */
  time: [4, uint()],
})

/** What the tracker says of its ledger; whoever wants to be sure asks the chain. */
export const ledgerStatus = method(
  68,
  'ledger-status',
  empty,
  struct({
    /** Absent where this pool has no ledger. */
    ledger: [
      0,
      optional(
        struct({
          /** A chain id has up to 53 bits here. */
          chainId: [0, uint()],
          kind: [1, text(32)],
          directory: [2, bytes(20)],
          codeHash: [3, id],
          anchor: [4, bytes(20)],
          block: [5, optional(tuple(uint(), id) /* number, hash */)],
          anchored: [6, optional(anchoredHeadField)],
          gasSpent: [7, uint()],
          /** Why anchoring or the chain fails now. */
          problem: [8, optional(text(1_024))],
          /** The registry of names: what claims are signed for. */
          names: [9, bytes(20)],
        }),
      ),
    ],
    /** Entries that aren't anchored, and how long the oldest of them has waited, ms. */
    lag: [1, uint()],
    lagMs: [2, uint()],
    /** Operators that witness, how many make a quorum (0: unwitnessed), how many signed in the last ten minutes. */
    operators: [3, uint()],
    quorum: [4, uint()],
    fresh: [5, uint()],
    /** Why the ledger can't be opened now, where the pool has one. */
    problem: [6, optional(text(1_024))],
    /** Claims of names that aren't on the ledger yet, and why the oldest that fails does. */
    names: [7, struct({ waiting: [0, uint()], problem: [1, optional(text(1_024))] })],
    /** What the ledger held of the providers when the tracker read it last; absent before it did. */
    capacity: [
      8,
      optional(
        struct({
          block: [0, uint()],
          providers: [1, uint()],
          /** Providers with a weight. */
          drawable: [2, uint()],
          /** Rounds so far, and whether one goes on (docs/spec/contracts.md, Rebalancing); levels in half points. */
          rounds: [3, uint()],
          isRebalancing: [4, bool()],
          fullest: [5, uint()],
          emptiest: [6, uint()],
        }),
      ),
    ],
    /** Why that isn't up to date. */
    capacityProblem: [9, optional(text(1_024))],
  }),
)

/** Heads that the ledger holds, from an index on: receipts for an export. */
export const anchoredHeads = method(
  69,
  'anchored-heads',
  struct({ from: [0, uint()], count: [1, uint(256)] }),
  struct({ heads: [0, array(anchoredHeadField, 256)] }),
)

/** Two histories of this log, shown: kept by the tracker for its operator. UntrustedError for a proof that shows none. */
export const reportFork = method(
  70,
  'report-fork',
  struct({ proof: [0, bytesUpTo(MAX_FORK_PROOF_BYTES)] }),
  empty,
)

/** Proofs of one answer: one is enough. */
export const MAX_SERVED_FORK_PROOFS = 4

/** Proofs of two signed histories that were handed in: for others to check, and to stop. */
export const forkProofs = method(
  74,
  'fork-proofs',
  empty,
  struct({ proofs: [0, array(bytesUpTo(MAX_FORK_PROOF_BYTES), MAX_SERVED_FORK_PROOFS)] }),
)

/** An admin's binding of the pool to the ledger that the tracker anchors in. ConflictError: another one, or the pool is bound. */
export const bindLedger = method(71, 'bind-ledger', struct({ binding: [0, signedLedgerBindingField] }), empty)

/** A first admin's vote on an operator's witnesses. DeniedError: no first admin; ConflictError: it doesn't follow his last one. */
export const voteOnWitness = method(
  72,
  'vote-on-witness',
  struct({ vote: [0, signedWitnessVoteField] }),
  struct({ index: [0, uint()] }),
)

/**
 * The calling device's member binds his name to a key in the ledger: EIP-712 `Register` (docs/spec/contracts.md), relayed until it is there.
 * The newest claim of a member counts until one is registered. DeniedError: another's name; ConflictError: not this pool's registry.
 */
export const claimName = method(
  73,
  'claim-name',
  struct({
    name: [0, text(32)],
    /** The address that answers for the name, 20 bytes. */
    owner: [1, bytes(20)],
    /** What the claim is signed for: the chain and its registry of names. */
    chainId: [2, uint()],
    contract: [3, bytes(20)],
    signature: [4, bytes(65)],
  }),
  /** The block in which it is registered, as the tracker says; absent while it waits. */
  struct({ block: [0, optional(uint())] }),
)
