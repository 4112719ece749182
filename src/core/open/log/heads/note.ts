/**
 * Signed notes (C2SP signed-note): a text, an empty line, and signature lines `— name base64(key id + signature)`. Invariants:
 * - the text is UTF-8 without control characters but newlines and ends with one; names have no space and no plus.
 * - one note has one encoding: base64 is canonical, nothing stands between or behind the lines.
 * - signatures of keys that the reader doesn't know are passed over; one by a known key that is wrong refuses the note.
 */
import { compareBytes, concatBytes, fromUtf8, utf8 } from '../../bytes.ts'
import { MalformedError } from '../../errors.ts'
import type { Primitives } from '../../primitives.ts'
import { fromBase64, toBase64 } from './base64.ts'

/** One log key and the witnesses of a pool; others may pass their own along. */
export const MAX_NOTE_SIGNATURES = 128
export const MAX_NOTE_BYTES = 64 * 1024
/** Long enough for Ed25519 with a timestamp; larger ones are of algorithms that we don't know. */
const MAX_NOTE_SIGNATURE_BYTES = 8 * 1024
export const KEY_ID_BYTES = 4

export const NOTE_ED25519 = 1
export const NOTE_COSIGNATURE = 4

export interface NoteSignature {
  readonly name: string
  readonly keyId: Uint8Array
  readonly signature: Uint8Array
}

export interface Note {
  /** With its last newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

const NAME = /^[^\s+\p{Cc}]{1,255}$/u
/** Control characters but the newline. */
const CONTROL = /[^\P{Cc}\n]/u
const MARK = '\u2014 '

/** The first 4 bytes of SHA-256(name + newline + algorithm + key). */
export function noteKeyId(
  primitives: Pick<Primitives, 'sha256'>,
  name: string,
  algorithm: number,
  key: Uint8Array,
): Uint8Array {
  return new Uint8Array(
    primitives.sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(algorithm), key)),
  ).slice(0, KEY_ID_BYTES)
}

/** Throws MalformedError for what is no note. */
export function encodeNote({ text, signatures }: Note): Uint8Array {
  checkText(text)
  checkSignatures(signatures)
  const lines = signatures.map(
    ({ name, keyId, signature }) => `${MARK}${name} ${toBase64(concatBytes(keyId, signature))}\n`,
  )
  const bytes = utf8(`${text}\n${lines.join('')}`)
  if (bytes.length > MAX_NOTE_BYTES) throw new MalformedError('a note has at most 64 KiB')
  return bytes
}

/** Throws MalformedError. */
export function decodeNote(bytes: Uint8Array): Note {
  if (bytes.length > MAX_NOTE_BYTES) throw new MalformedError('a note has at most 64 KiB')
  const whole = fromUtf8(bytes)
  if (whole === undefined) throw new MalformedError('a note is UTF-8')
  const split = whole.lastIndexOf('\n\n')
  if (split < 0 || !whole.endsWith('\n'))
    throw new MalformedError('a note is a text, an empty line and signatures')
  const text = whole.slice(0, split + 1)
  checkText(text)
  const lines = whole.slice(split + 2, -1).split('\n')
  if (lines.length > MAX_NOTE_SIGNATURES)
    throw new MalformedError(`a note has at most ${MAX_NOTE_SIGNATURES} signatures`)
  const signatures = lines.map(parseSignature)
  checkSignatures(signatures)
  return { text, signatures }
}

function parseSignature(line: string): NoteSignature {
  const [name, encoded, ...more] = line.slice(MARK.length).split(' ')
  const bytes = encoded === undefined ? undefined : fromBase64(encoded)
  if (!line.startsWith(MARK) || name === undefined || bytes === undefined || more.length > 0)
    throw new MalformedError('a signature line of a note is a dash, a name and base64')
  return { name, keyId: bytes.slice(0, KEY_ID_BYTES), signature: bytes.slice(KEY_ID_BYTES) }
}

function checkText(text: string): void {
  if (!text.endsWith('\n') || CONTROL.test(text) || fromUtf8(utf8(text)) !== text)
    throw new MalformedError('the text of a note is whole lines without control characters')
}

function checkSignatures(signatures: readonly NoteSignature[]): void {
  if (signatures.length === 0) throw new MalformedError('a note is signed')
  if (signatures.length > MAX_NOTE_SIGNATURES)
    throw new MalformedError(`a note has at most ${MAX_NOTE_SIGNATURES} signatures`)
  for (const { name, keyId, signature } of signatures) {
    if (!NAME.test(name)) throw new MalformedError('the name of a key has no spaces and no plus')
    if (
      keyId.length !== KEY_ID_BYTES ||
      signature.length === 0 ||
      signature.length > MAX_NOTE_SIGNATURE_BYTES
    )
      throw new MalformedError('a signature of a note is too short or too long')
  }
}

/** Whether a signature says that it is by this key. */
export function isBy(signature: NoteSignature, name: string, keyId: Uint8Array): boolean {
  return signature.name === name && compareBytes(signature.keyId, keyId) === 0
}
