/**
 * Bundles: a log in one file that anybody can check by himself (docs/spec/log-bundle.md). Frames of kind (1 byte), length (4,
 * big-endian) and bytes: `h` the header, `e` each entry in its order, `s` the SHA-256 of everything before, which ends the file.
 * An entry's frame begins with its leaf hash: so the first that was altered is named, whatever else fails.
 */
import { concatBytes, equalBytes, utf8 } from '../../../core/open/bytes.ts'
import { UntrustedError } from '../../../core/open/errors.ts'
import { MAX_ENTRY_BYTES, entryHash } from '../../../core/open/log/entry.ts'
import { MAX_NOTE_BYTES } from '../../../core/open/log/heads/note.ts'
import { MAX_CHANGE_BYTES } from '../../../core/open/objects/change.ts'
import { MAX_CHANGES, MAX_OPERATION_BYTES } from '../../../core/open/objects/operation.ts'
import { id } from '../../../core/open/objects/suite.ts'
import type { Primitives } from '../../../core/open/primitives.ts'
import type { ValueOf } from '../../../core/open/schema.ts'
import { array, bytesUpTo, codec, oneOf, struct, uint } from '../../../core/open/schema.ts'

export const BUNDLE_MAGIC = utf8('allmend log bundle 1\n')
/** A head every minute for a century, in steps of which each is checked. */
const MAX_RECEIPTS = 65_536

const headerField = struct({
  v: [0, oneOf([1])],
  /** The checkpoint, a note with its cosignatures. */
  note: [1, bytesUpTo(MAX_NOTE_BYTES)],
  /** The operator that runs the log, whose witnesses don't count. */
  tracker: [2, id],
  /** Heads that the ledger holds, as the tracker says: the chain itself is asked with its URL. */
  receipts: [3, array(struct({ size: [0, uint()], root: [1, id], block: [2, uint()] }), MAX_RECEIPTS)],
})
export type BundleHeader = ValueOf<typeof headerField>
const headerCodec = codec('header of a log bundle', headerField, 8 * 1024 * 1024)

const entryField = struct({
  leaf: [0, bytesUpTo(MAX_ENTRY_BYTES)],
  changes: [1, array(bytesUpTo(MAX_CHANGE_BYTES), MAX_CHANGES)],
})
export type BundleEntry = ValueOf<typeof entryField>
const MAX_FRAME_BYTES = MAX_OPERATION_BYTES + 1024 * 1024
const entryCodec = codec('entry of a log bundle', entryField, MAX_FRAME_BYTES)

const HEADER = 0x68
const ENTRY = 0x65
const SUM = 0x73
const FRAME_BYTES = 5
const HASH_BYTES = 32

/** Hashes what goes by; in the apps, node:crypto's. */
export interface Hasher {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

function frame(kind: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(FRAME_BYTES)
  head[0] = kind
  new DataView(head.buffer).setUint32(
    1,
    parts.reduce((sum, part) => sum + part.length, 0),
  )
  return concatBytes(head, ...parts)
}

/** The bytes of a bundle, piece by piece. */
export async function* encodeBundle(
  { sha256 }: Pick<Primitives, 'sha256'>,
  hasher: Hasher,
  header: BundleHeader,
  entries: AsyncIterable<BundleEntry>,
): AsyncGenerator<Uint8Array> {
  const pass = (bytes: Uint8Array): Uint8Array => {
    hasher.update(bytes)
    return bytes
  }
  yield pass(BUNDLE_MAGIC)
  yield pass(frame(HEADER, headerCodec.encode(header)))
  for await (const entry of entries)
    yield pass(frame(ENTRY, entryHash(sha256, entry.leaf), entryCodec.encode(entry)))
  yield frame(SUM, hasher.digest())
}

export interface BundleReader {
  readonly header: BundleHeader
  /** Throws UntrustedError that names the first entry which isn't what its hash says, and at the end where any byte was altered. */
  readonly entries: AsyncIterable<BundleEntry>
}

/** Reads a bundle as it comes, within limits; throws UntrustedError for what is none or was altered. */
export async function readBundle(
  { sha256 }: Pick<Primitives, 'sha256'>,
  hasher: Hasher,
  bytes: AsyncIterable<Uint8Array>,
): Promise<BundleReader> {
  const input = new Input(bytes)
  const magic = await input.take(BUNDLE_MAGIC.length)
  if (magic === undefined || !equalBytes(magic, BUNDLE_MAGIC))
    throw new UntrustedError('this is no bundle of a log')
  hasher.update(magic)
  const first = await nextFrame(input)
  if (first?.kind !== HEADER) throw new UntrustedError('this bundle has no header')
  hasher.update(first.whole)
  const header = decode(() => headerCodec.decode(first.body), 'the header of this bundle is damaged')
  const entries = async function* (): AsyncGenerator<BundleEntry> {
    for (let index = 0; ; index++) {
      const next = await nextFrame(input).catch((cause: unknown) => {
        throw damaged(index, cause)
      })
      if (next === undefined) throw damaged(index)
      if (next.kind === SUM) {
        if (!equalBytes(next.body, hasher.digest()) || (await input.take(1)) !== undefined)
          throw new UntrustedError('this bundle was altered: its bytes are not those that it was made of', {
            index,
          })
        return
      }
      if (next.kind !== ENTRY) throw damaged(index)
      hasher.update(next.whole)
      let entry: BundleEntry
      try {
        entry = entryCodec.decode(next.body.subarray(HASH_BYTES))
      } catch (cause) {
        throw damaged(index, cause)
      }
      if (!equalBytes(entryHash(sha256, entry.leaf), next.body.subarray(0, HASH_BYTES))) throw damaged(index)
      yield entry
    }
  }
  return { header, entries: entries() }
}

function damaged(index: number, cause?: unknown): UntrustedError {
  return new UntrustedError(
    `entry ${index}: this bundle was altered here, or is cut short`,
    { index },
    { cause },
  )
}

function decode<T>(work: () => T, message: string): T {
  try {
    return work()
  } catch (cause) {
    throw new UntrustedError(message, {}, { cause })
  }
}

async function nextFrame(
  input: Input,
): Promise<{ readonly kind: number; readonly body: Uint8Array; readonly whole: Uint8Array } | undefined> {
  const head = await input.take(FRAME_BYTES)
  if (head === undefined) return undefined
  const length = new DataView(head.buffer, head.byteOffset).getUint32(1)
  if (length > 2 * MAX_FRAME_BYTES) throw new UntrustedError('a frame of this bundle is too long', { length })
  const body = await input.take(length)
  if (body === undefined) throw new UntrustedError('this bundle is cut short')
  return { kind: head[0]!, body, whole: concatBytes(head, body) }
}

/** Takes exactly as many bytes as are asked from pieces of any length. */
class Input {
  readonly #pieces: AsyncIterator<Uint8Array>
  #rest = new Uint8Array(0) as Uint8Array

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#pieces = bytes[Symbol.asyncIterator]()
  }

  /** Undefined where the input ends before. */
  async take(count: number): Promise<Uint8Array | undefined> {
    const parts = [this.#rest]
    let has = this.#rest.length
    while (has < count) {
      const { value, done } = await this.#pieces.next()
      if (done === true) break
      parts.push(value)
      has += value.length
    }
    const all = parts.length === 1 ? parts[0]! : concatBytes(...parts)
    if (all.length < count) {
      this.#rest = all
      return undefined
    }
    this.#rest = all.subarray(count)
    return all.subarray(0, count)
  }
}
