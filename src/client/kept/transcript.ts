/**
 * What was asked and answered while something was verified, so that it can be verified again without the tracker: methods' requests
 * (by hash) and answers, questions about the map (by hash) and their proofs, the heads that these are under, and whom the log was
 * held against (docs/spec/read-cache.md).
 */
import { concatBytes, utf8 } from '../../core/open/bytes.ts'
import { MAX_ENTRY_BYTES } from '../../core/open/log/entry.ts'
import { MAX_MAP_PROOF_BYTES, MAX_PROOF_LEAVES } from '../../core/open/log/map/map-proof.ts'
import { MAX_NOTE_BYTES } from '../../core/open/log/heads/note.ts'
import { id } from '../../core/open/objects/suite.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { MAX_MAP_PREFIXES } from '../../core/open/protocol/log-methods.ts'
import type { Method } from '../../core/open/protocol/method.ts'
import { MAX_STRUCTURE_BYTES } from '../../core/open/protocol/method.ts'
import type { ValueOf } from '../../core/open/schema.ts'
import { array, bytesUpTo, codec, oneOf, struct, tuple, uint } from '../../core/open/schema.ts'
import { MAX_OWN_ENTRIES, ownEntryField } from '../../ports/pin-store.ts'
import type { MapQuestion } from '../log/map-query.ts'

/** A folder of 12,000 files; a larger one isn't kept. */
export const MAX_TRANSCRIPT_BYTES = 32 * 1024 * 1024
/** Heads that change while one thing is read: then it is read again. */
export const MAX_TRANSCRIPT_HEADS = 8
const MAX_CALLS = 65_535
const MAX_PROOFS = 1_024
const MAX_PARTS = 4_096
const MAX_WITNESSES = 1_024
const METHODS = 255

const transcriptField = struct({
  v: [0, oneOf([1])],
  /** Our clock when the newest head came in, Unix seconds. */
  seen: [1, uint()],
  /** The pinned witnesses, and the operator who runs the log. */
  witnesses: [2, array(struct({ operator: [0, id], key: [1, id] }), MAX_WITNESSES)],
  tracker: [3, id],
  heads: [
    4,
    array(
      struct({
        note: [0, bytesUpTo(MAX_NOTE_BYTES)],
        leaf: [1, bytesUpTo(MAX_ENTRY_BYTES)],
        path: [2, array(id, 53)],
      }),
      MAX_TRANSCRIPT_HEADS,
    ),
  ],
  calls: [5, array(tuple(uint(METHODS), id, bytesUpTo(MAX_STRUCTURE_BYTES)), MAX_CALLS)],
  proofs: [
    6,
    array(
      struct({
        question: [0, id],
        /** Place of its head in `heads`. */
        head: [1, uint(MAX_TRANSCRIPT_HEADS - 1)],
        answers: [
          2,
          array(
            struct({
              proof: [0, bytesUpTo(MAX_MAP_PROOF_BYTES)],
              lasts: [1, array(id, MAX_MAP_PREFIXES)],
              entries: [2, array(bytesUpTo(MAX_ENTRY_BYTES), MAX_PROOF_LEAVES)],
            }),
            MAX_PARTS,
          ),
        ],
      }),
      MAX_PROOFS,
    ),
  ],
  /** What the log had promised to this device and those heads don't show yet. */
  own: [7, array(ownEntryField, MAX_OWN_ENTRIES)],
})
export type Transcript = ValueOf<typeof transcriptField>
export const transcriptCodec = codec('kept answer', transcriptField, MAX_TRANSCRIPT_BYTES)

/** What stands for a request: SHA-256 of its bytes. */
export function requestHash<Request>(
  { sha256 }: Pick<Primitives, 'sha256'>,
  method: Method<Request, unknown>,
  request: Request,
): Uint8Array {
  return sha256(method.request.encode(request))
}

/** What stands for a question about the map: SHA-256 of the number of its points in decimal, a zero byte, the points and the prefixes; whatever head it wants. */
export function questionHash(
  { sha256 }: Pick<Primitives, 'sha256'>,
  { points, prefixes }: Pick<MapQuestion, 'points' | 'prefixes'>,
): Uint8Array {
  return sha256(concatBytes(utf8(`${points.length}\0`), ...points, ...prefixes))
}
