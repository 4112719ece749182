/** The bytes of a home's pins and of its seen versions: SHA-256 of the rest, then deterministic CBOR or records of 24 bytes. */
import { createHash } from 'node:crypto'
import { equalBytes } from '../../core/open/bytes.ts'
import { MalformedError, UntrustedError } from '../../core/open/errors.ts'
import { MAX_NOTE_BYTES } from '../../core/open/log/heads/note.ts'
import { NODE_ID_BYTES, id } from '../../core/open/objects/suite.ts'
import { array, bool, bytes, codec, bytesUpTo, optional, struct, text, uint } from '../../core/open/schema.ts'
import type { Pins, SeenVersion } from '../../ports/pin-store.ts'
import { MAX_OWN_ENTRIES, MAX_PINNED, MAX_SEEN_VERSIONS, ownEntryField } from '../../ports/pin-store.ts'

const CHECKSUM_BYTES = 32
/** Own entries name each node that they changed. */
const MAX_PINS_BYTES = 16 * 1024 * 1024
const MAX_WITNESSES = 1_024
const address = bytes(20)

const pinsCodec = codec(
  'pins',
  struct({
    pool: [0, id],
    head: [
      1,
      optional(
        struct({
          size: [0, uint()],
          root: [1, id],
          note: [2, bytesUpTo(MAX_NOTE_BYTES)],
          map: [3, id],
          time: [4, uint()],
          isWitnessed: [5, bool()],
          confirmed: [6, struct({ time: [0, uint()], median: [1, uint()] })],
          seen: [7, uint()],
        }),
      ),
    ],
    witnesses: [2, array(struct({ operator: [0, id], key: [1, id] }), MAX_WITNESSES)],
    minimumSuite: [3, uint(255)],
    chain: [
      4,
      optional(
        struct({ chainId: [0, uint()], directory: [1, address], codeHash: [2, id], anchor: [3, address] }),
      ),
    ],
    contacts: [5, array(struct({ member: [0, id], seq: [1, uint()] }), MAX_PINNED)],
    spaces: [6, array(struct({ space: [0, id], epoch: [1, uint()] }), MAX_PINNED)],
    own: [7, array(ownEntryField, MAX_OWN_ENTRIES)],
    tracker: [9, id],
    forked: [
      8,
      optional(struct({ since: [0, uint()], reason: [1, text(1_024)], evidence: [2, text(4_096)] })),
    ],
    notice: [
      10,
      optional(struct({ since: [0, uint()], size: [1, uint()], note: [2, bytesUpTo(MAX_NOTE_BYTES)] })),
    ],
  }),
  MAX_PINS_BYTES,
)

function withChecksum(body: Uint8Array): Uint8Array {
  return Buffer.concat([createHash('sha256').update(body).digest(), body])
}

function withoutChecksum(file: Uint8Array): Uint8Array {
  const body = file.subarray(CHECKSUM_BYTES)
  if (!equalBytes(file.subarray(0, CHECKSUM_BYTES), createHash('sha256').update(body).digest()))
    throw new UntrustedError(
      "the home's pins are damaged: what this device had seen of the pool is not known",
    )
  return body
}

export function encodePins(pins: Pins): Uint8Array {
  return withChecksum(pinsCodec.encode(pins))
}

/** Throws UntrustedError when the file was damaged, MalformedError for one that we can't have written. */
export function decodePins(file: Uint8Array): Pins {
  return pinsCodec.decode(withoutChecksum(file))
}

const VERSION_BYTES = 8
const RECORD_BYTES = NODE_ID_BYTES + VERSION_BYTES

export function encodeSeen(versions: readonly SeenVersion[]): Uint8Array {
  const body = Buffer.alloc(versions.length * RECORD_BYTES)
  for (const [i, { node, version }] of versions.entries()) {
    body.set(node, i * RECORD_BYTES)
    body.writeBigUInt64BE(BigInt(version), i * RECORD_BYTES + NODE_ID_BYTES)
  }
  return withChecksum(body)
}

export function decodeSeen(file: Uint8Array): SeenVersion[] {
  const body = Buffer.from(withoutChecksum(file))
  const count = body.length / RECORD_BYTES
  if (!Number.isInteger(count) || count > MAX_SEEN_VERSIONS)
    throw new MalformedError('seen versions are records of 24 bytes', { bytes: body.length })
  return Array.from({ length: count }, (_, i) => {
    const version = Number(body.readBigUInt64BE(i * RECORD_BYTES + NODE_ID_BYTES))
    if (!Number.isSafeInteger(version)) throw new MalformedError('a seen version is a plain number')
    return {
      node: Uint8Array.from(body.subarray(i * RECORD_BYTES, i * RECORD_BYTES + NODE_ID_BYTES)),
      version,
    }
  })
}
