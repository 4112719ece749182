/**
 * Errors as bytes. Every part is bounded, so that the whole fits one frame: what is too long is cut (texts) or left out
 * (byte strings, surplus facts) when written, and refused when read.
 */
import { fromUtf8, utf8 } from '../bytes.ts'
import type { ErrorFacts, WireError } from '../errors.ts'
import { MalformedError } from '../errors.ts'

const MAX_CODE_BYTES = 64
const MAX_MESSAGE_BYTES = 2048
const MAX_FACTS = 32
const MAX_NAME_BYTES = 64
const MAX_VALUE_BYTES = 1024

const KIND = { text: 0, number: 1, boolean: 2, bytes: 3 } as const

/** code (u8 length), message (u16 length), fact count (u8), then per fact: name (u8 length), kind (u8), value. */
export function encodeWireError(error: WireError): Uint8Array {
  const facts = Object.entries(error.facts).flatMap(([name, value]) => {
    const key = utf8(name)
    const fact = encodeValue(value)
    return key.length > MAX_NAME_BYTES || fact === undefined ? [] : [[key.length, ...key, ...fact]]
  })
  const code = cut(error.code, MAX_CODE_BYTES)
  const message = cut(error.message, MAX_MESSAGE_BYTES)
  const kept = facts.slice(0, MAX_FACTS)
  return Uint8Array.from([
    code.length,
    ...code,
    ...u16(message.length),
    ...message,
    kept.length,
    ...kept.flat(),
  ])
}

/** Throws MalformedError on anything that `encodeWireError` can't have written. */
export function decodeWireError(bytes: Uint8Array): WireError {
  const reader = new Reader(bytes)
  const code = reader.text(reader.number(1), MAX_CODE_BYTES)
  const message = reader.text(reader.number(2), MAX_MESSAGE_BYTES)
  const count = reader.number(1)
  if (count > MAX_FACTS) throw new MalformedError('too many facts in an error', { count })
  const facts: Record<string, ErrorFacts[string]> = Object.create(null) as Record<string, ErrorFacts[string]>
  for (let i = 0; i < count; i++) {
    const name = reader.text(reader.number(1), MAX_NAME_BYTES)
    if (name in facts) throw new MalformedError('a fact stands twice in an error')
    facts[name] = decodeValue(reader)
  }
  if (!reader.done) throw new MalformedError('bytes after the end of an error')
  return { code, message, facts: { ...facts } }
}

function encodeValue(value: ErrorFacts[string]): number[] | undefined {
  if (typeof value === 'string') {
    const text = cut(value, MAX_VALUE_BYTES)
    return [KIND.text, ...u16(text.length), ...text]
  }
  if (typeof value === 'number') {
    const out = new DataView(new ArrayBuffer(8))
    out.setFloat64(0, value)
    return [KIND.number, ...new Uint8Array(out.buffer)]
  }
  if (typeof value === 'boolean') return [KIND.boolean, value ? 1 : 0]
  return value.length > MAX_VALUE_BYTES ? undefined : [KIND.bytes, ...u16(value.length), ...value]
}

function decodeValue(reader: Reader): ErrorFacts[string] {
  const kind = reader.number(1)
  if (kind === KIND.text) return reader.text(reader.number(2), MAX_VALUE_BYTES)
  if (kind === KIND.bytes) return new Uint8Array(reader.bytes(reader.number(2), MAX_VALUE_BYTES))
  if (kind === KIND.number) {
    const bytes = reader.bytes(8, 8)
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0)
  }
  const flag = reader.number(1)
  if (kind !== KIND.boolean || flag > 1)
    throw new MalformedError('unknown kind of fact in an error', { kind })
  return flag === 1
}

function u16(value: number): number[] {
  return [value >>> 8, value & 255]
}

/** UTF-8 cut to `limit` bytes at a character's edge. */
function cut(text: string, limit: number): Uint8Array {
  const bytes = utf8(text)
  if (bytes.length <= limit) return bytes
  let end = limit
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  bytes(length: number, limit: number): Uint8Array {
    if (length > limit || this.#at + length > this.#bytes.length)
      throw new MalformedError('error cut short or too long')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  number(width: 1 | 2): number {
    let value = 0
    for (const byte of this.bytes(width, 2)) value = (value << 8) | byte
    return value
  }

  text(length: number, limit: number): string {
    const text = fromUtf8(this.bytes(length, limit))
    if (text === undefined) throw new MalformedError('text in an error is not UTF-8')
    return text
  }
}
