/**
 * One record of a put's journal: length (u32, big-endian) and CRC-32 of the payload, then the payload in deterministic
 * CBOR. What doesn't fit, wherever it stands, ends the journal: it is a torn tail.
 */
import * as zlib from 'node:zlib'
import { MalformedError } from '../../core/open/errors.ts'
import type { ValueOf } from '../../core/open/schema.ts'
import { array, bytes, bytesUpTo, codec, optional, struct, text, tuple } from '../../core/open/schema.ts'
import { MAX_STRIPE_SHARDS } from '../../core/open/stripes/stripe.ts'

const HEADER_BYTES = 8
/** Blobs of a stripe: 64 shards of 4 MiB in blobs of one byte plus their seals would be more; a put's are far fewer. */
const MAX_SHARD_BLOBS = 131_072
/** Nested folders make long paths: 512 levels of 255 bytes. */
const MAX_PATH_BYTES = 160 * 1024
export const MAX_RECORD_BYTES = 64 * 1024 * 1024

const recordField = struct({
  /** A stripe was begun: its id, and the blobs of each data shard, as one run of 32-byte ids. */
  plan: [0, optional(tuple(bytes(32), array(bytesUpTo(32 * MAX_SHARD_BLOBS), MAX_STRIPE_SHARDS)))],
  /** A stripe was sealed. */
  seal: [1, optional(bytes(32))],
  /** Files were committed: path and fingerprint. */
  commit: [2, optional(array(tuple(text(MAX_PATH_BYTES), text(256)), 65_536))],
})
export type JournalRecord = ValueOf<typeof recordField>
const record = codec('journal record', recordField, MAX_RECORD_BYTES)

export function encodeJournalRecord(value: JournalRecord): Uint8Array {
  const payload = record.encode(value)
  const out = new Uint8Array(HEADER_BYTES + payload.length)
  const header = new DataView(out.buffer)
  header.setUint32(0, payload.length)
  header.setUint32(4, zlib.crc32(payload))
  out.set(payload, HEADER_BYTES)
  return out
}

/** The records up to the first that isn't whole, and how many bytes they take. */
export function decodeJournal(journal: Uint8Array): { records: JournalRecord[]; end: number } {
  const records: JournalRecord[] = []
  let at = 0
  while (at + HEADER_BYTES <= journal.length) {
    const header = new DataView(journal.buffer, journal.byteOffset + at, HEADER_BYTES)
    const length = header.getUint32(0)
    const payload = journal.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length)
    if (payload.length < length || zlib.crc32(payload) !== header.getUint32(4)) break
    try {
      records.push(record.decode(payload))
    } catch (error) {
      if (error instanceof MalformedError) break
      throw error
    }
    at += HEADER_BYTES + length
  }
  return { records, end: at }
}

/** Cuts a run of ids; undefined when its length is no multiple of 32. */
export function splitIds(run: Uint8Array): Uint8Array[] | undefined {
  if (run.length % 32 !== 0) return undefined
  return Array.from({ length: run.length / 32 }, (_, i) => run.slice(32 * i, 32 * i + 32))
}
