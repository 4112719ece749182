/** What a client keeps when the tracker was caught: enough for a stranger with the pool's genesis to check it again. */
import { MAX_MAP_PROOF_BYTES, MAX_PROOF_LEAVES } from '../../core/open/log/map/map-proof.ts'
import { MAX_ENTRY_BYTES } from '../../core/open/log/entry.ts'
import { MAX_FORK_PROOF_BYTES } from '../../core/open/log/heads/fork-proof.ts'
import { MAX_NOTE_BYTES } from '../../core/open/log/heads/note.ts'
import { MAX_STRUCTURE_BYTES } from '../../core/open/protocol/method.ts'
import { id, signature } from '../../core/open/objects/suite.ts'
import type { ValueOf } from '../../core/open/schema.ts'
import {
  array,
  bytes,
  bytesUpTo,
  codec,
  oneOf,
  optional,
  struct,
  text,
  tuple,
  uint,
} from '../../core/open/schema.ts'

const note = bytesUpTo(MAX_NOTE_BYTES)

export const evidenceField = struct({
  v: [0, oneOf([1])],
  /** What was found wrong, for people. */
  reason: [1, text(1_024)],
  /** When, by our clock, Unix milliseconds. */
  time: [2, uint()],
  genesis: [3, bytesUpTo(1_024)],
  /** The pinned head and the one that was served: notes that the log signed. */
  pinned: [4, optional(note)],
  served: [5, optional(note)],
  /** What was sent as consistency between them. */
  consistency: [6, array(id, 128)],
  /** A proof of the served head's map, the keys that were asked and those that answered otherwise than the tracker did. */
  proof: [7, optional(bytesUpTo(MAX_MAP_PROOF_BYTES))],
  keys: [8, array(id, MAX_PROOF_LEAVES)],
  entries: [9, array(bytesUpTo(MAX_ENTRY_BYTES), MAX_PROOF_LEAVES)],
  /** A promise that the log signed and did not keep: index, time, hash, signature. */
  promise: [10, optional(tuple(uint(), uint(), id, signature))],
  /** A fork proof (docs/spec/checkpoint.md). */
  fork: [11, optional(bytesUpTo(MAX_FORK_PROOF_BYTES))],
  /** An answer that contradicts itself or what its authors signed: the method's number (docs/spec/tracker-protocol.md), the bytes. */
  answer: [12, optional(tuple(uint(255), bytesUpTo(MAX_STRUCTURE_BYTES)))],
  /** Path of the entry that stands where the promise says, to the served head. */
  inclusion: [13, optional(array(id, 128))],
  /** A name that the ledger gives to another member (`held`, under `owner`) than the log does, in a block: number and hash. */
  name: [
    14,
    optional(
      struct({
        name: [0, text(32)],
        member: [1, id],
        held: [2, id],
        owner: [3, bytes(20)],
        chainId: [4, uint()],
        directory: [5, bytes(20)],
        block: [6, tuple(uint(), id)],
      }),
    ),
  ],
})
export type Evidence = ValueOf<typeof evidenceField>
export const evidenceCodec = codec('evidence', evidenceField, 64 * 1024 * 1024)
