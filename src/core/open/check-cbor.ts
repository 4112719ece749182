/**
 * Whether bytes are one data item in deterministic encoding, told from its headers alone. Invariants:
 * - what passes is what an encoder makes of the value: lengths and integers in their shortest form, map keys unsigned integers that
 *   rise (so no key stands twice), text in valid UTF-8; of simple values false, true and null; no floats, no tags.
 * - it doesn't recurse and allocates two numbers a level: nesting beyond MAX_DEPTH and lengths beyond the input are refused first.
 */
import { fromUtf8 } from './bytes.ts'
import { MalformedError } from './errors.ts'

/** Nesting of arrays and maps in any object or message. */
export const MAX_DEPTH = 6

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const
/** The least argument that needs 1, 2, 4 and 8 bytes. */
const LEAST = [24, 2 ** 8, 2 ** 16, 2 ** 32] as const
const FALSE = 20
const NULL = 22
/** Stands for the last key of an array, which has none, and of a map before its first. */
const NO_KEYS = -2
const NO_KEY_YET = -1
/** As decoders take it for a mark and not for text, what they make of it encodes to other bytes. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const

/** Throws MalformedError, naming `name`, unless all of `encoded` is one item in deterministic encoding (RFC 8949 section 4.2.1). */
export function checkCbor(encoded: Uint8Array, name: string): void {
  const refuse = (what: string): never => {
    throw new MalformedError(`${name}: ${what}`, { name })
  }
  /** Of each open array or map: items to come, a map's keys counted, and its last key. */
  const left: number[] = []
  const last: number[] = []
  let at = 0
  do {
    const initial = encoded[at++]
    if (initial === undefined) return refuse('cut short')
    const major = initial >> 5
    const info = initial & 31
    if (major === MAJOR.tag) refuse("tags aren't allowed")
    if (major === MAJOR.simple && (info < FALSE || info > NULL)) refuse('neither false, true nor null')
    let argument = info
    if (major !== MAJOR.simple && info >= 24) {
      const least = LEAST[info - 24]
      if (least === undefined) return refuse('indefinite or reserved length')
      const end = at + (1 << (info - 24))
      if (end > encoded.length) refuse('cut short')
      argument = 0
      while (at < end) argument = argument * 256 + encoded[at++]!
      if (argument < least) refuse('a number in more bytes than it needs')
    }

    const open = left.length - 1
    if (open >= 0) {
      if (last[open] !== NO_KEYS && left[open]! % 2 === 0) {
        if (major !== MAJOR.unsigned || argument <= last[open]!) refuse('map keys are integers that rise')
        last[open] = argument
      }
      left[open]!--
    }

    let opened = 0
    switch (major) {
      case MAJOR.unsigned:
        if (argument > Number.MAX_SAFE_INTEGER) refuse('an integer beyond 2^53')
        break
      case MAJOR.negative:
        if (-1 - argument < Number.MIN_SAFE_INTEGER) refuse('an integer beyond -2^53')
        break
      case MAJOR.bytes:
      case MAJOR.text:
        if (argument > encoded.length - at) refuse('cut short')
        if (major === MAJOR.text && !isText(encoded.subarray(at, at + argument))) refuse('text that is none')
        at += argument
        break
      case MAJOR.array:
      case MAJOR.map:
        opened = major === MAJOR.map ? 2 * argument : argument
        if (opened > encoded.length - at) refuse('cut short')
        if (left.length >= MAX_DEPTH) refuse(`nested deeper than ${MAX_DEPTH}`)
        break
    }
    if (opened > 0) {
      left.push(opened)
      last.push(major === MAJOR.map ? NO_KEY_YET : NO_KEYS)
    }
    while (left.length > 0 && left.at(-1) === 0) {
      left.pop()
      last.pop()
    }
  } while (left.length > 0)
  if (at !== encoded.length) refuse('bytes after the end')
}

function isText(bytes: Uint8Array): boolean {
  return fromUtf8(bytes) !== undefined && !BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte)
}
