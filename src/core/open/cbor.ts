/**
 * Deterministic CBOR (RFC 8949 section 4.2.1) of the few types that objects have: integers in the safe range, booleans, texts, byte
 * strings, arrays, and maps with unsigned integers as keys. Invariants:
 * - decode accepts exactly the bytes that encode makes: shortest heads, keys that rise, well-formed UTF-8, nothing behind the end. It
 *   checks this as it reads, since encoding again to compare costs more than all else that replaying a log does.
 * - no floats, tags, simple values but booleans, indefinite lengths; nesting is bounded, and no length is believed beyond the input.
 * - what is decoded shares no memory with the input.
 */
import { fromUtf8, utf8 } from './bytes.ts'
import { MalformedError } from './errors.ts'

/** Nesting of arrays and maps in any object or message. */
export const MAX_DEPTH = 6

const MAJOR = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, simple: 7 } as const
const FALSE = 0xf4
const TRUE = 0xf5
/** Up to here copying byte by byte is quicker than a call. */
const FEW_BYTES = 64

/** Throws MalformedError for what isn't one of the types above. */
export function encodeCbor(value: unknown): Uint8Array {
  const out = new Uint8Array(sizeOf(value))
  write(out, 0, value)
  return out
}

/** Numbers, booleans, texts, byte strings, arrays and Maps; `name` stands in the MalformedErrors. */
export function decodeCbor(encoded: Uint8Array, name: string): unknown {
  const reader = new Reader(encoded, name)
  const value = reader.item(0)
  reader.end()
  return value
}

function headSize(argument: number): number {
  return argument < 24 ? 1 : argument < 2 ** 8 ? 2 : argument < 2 ** 16 ? 3 : argument < 2 ** 32 ? 5 : 9
}

function sizeOf(value: unknown): number {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) refuseValue('a number that is no safe integer')
    return headSize(value < 0 ? -1 - value : value)
  }
  if (value instanceof Uint8Array) return headSize(value.length) + value.length
  if (typeof value === 'boolean') return 1
  if (typeof value === 'string') {
    const { length } = utf8(value)
    return headSize(length) + length
  }
  if (Array.isArray(value)) {
    let size = headSize(value.length)
    for (const item of value as readonly unknown[]) size += sizeOf(item)
    return size
  }
  if (value instanceof Map) {
    let size = headSize(value.size)
    for (const [key, item] of value as ReadonlyMap<unknown, unknown>) size += sizeOf(key) + sizeOf(item)
    return size
  }
  return refuseValue(typeof value)
}

function refuseValue(what: string): never {
  throw new MalformedError(`${what} can't be encoded`)
}

function writeHead(out: Uint8Array, at: number, major: number, argument: number): number {
  const size = headSize(argument)
  const initial = major << 5
  if (size === 1) out[at] = initial | argument
  else {
    // 24, 25, 26, 27 say that 1, 2, 4, 8 bytes follow.
    out[at] = initial | (size === 2 ? 24 : size === 3 ? 25 : size === 5 ? 26 : 27)
    let rest = argument
    for (let i = at + size - 1; i > at; i--) {
      out[i] = rest % 256
      rest = Math.floor(rest / 256)
    }
  }
  return at + size
}

function write(out: Uint8Array, start: number, value: unknown): number {
  if (typeof value === 'number')
    return value < 0
      ? writeHead(out, start, MAJOR.negative, -1 - value)
      : writeHead(out, start, MAJOR.uint, value)
  if (value instanceof Uint8Array) {
    const at = writeHead(out, start, MAJOR.bytes, value.length)
    out.set(value, at)
    return at + value.length
  }
  if (typeof value === 'boolean') {
    out[start] = value ? TRUE : FALSE
    return start + 1
  }
  if (typeof value === 'string') {
    const encoded = utf8(value)
    const at = writeHead(out, start, MAJOR.text, encoded.length)
    out.set(encoded, at)
    return at + encoded.length
  }
  if (Array.isArray(value)) {
    let at = writeHead(out, start, MAJOR.array, value.length)
    for (const item of value as readonly unknown[]) at = write(out, at, item)
    return at
  }
  const map = value as ReadonlyMap<unknown, unknown>
  let at = writeHead(out, start, MAJOR.map, map.size)
  for (const [key, item] of risingKeys(map)) {
    at = writeHead(out, at, MAJOR.uint, key)
    at = write(out, at, item)
  }
  return at
}

function risingKeys(map: ReadonlyMap<unknown, unknown>): readonly (readonly [number, unknown])[] {
  const entries = [...map] as [number, unknown][]
  let isRising = true
  let before = -1
  for (const [key] of entries) {
    if (!Number.isSafeInteger(key) || key < 0) refuseValue('a map whose keys are no unsigned integers')
    if (key <= before) isRising = false
    before = key
  }
  return isRising ? entries : entries.sort(([a], [b]) => a - b)
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #name: string
  #at = 0

  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes
    this.#name = name
  }

  end(): void {
    if (this.#at !== this.#bytes.length) this.#refuse('bytes after the end')
  }

  /** The next item, inside of `depth` arrays and maps. */
  item(depth: number): unknown {
    const initial = this.#byte()
    const major = initial >> 5
    if (major === MAJOR.simple) {
      if (initial === FALSE) return false
      if (initial === TRUE) return true
      this.#refuse("floats and other simple values aren't allowed")
    }
    const argument = this.#argument(initial & 31)
    switch (major) {
      case MAJOR.uint:
        return argument
      case MAJOR.negative:
        return this.#safe(-1 - argument)
      case MAJOR.bytes:
        return this.#copy(this.#take(argument), argument)
      case MAJOR.text: {
        const start = this.#take(argument)
        const text = fromUtf8(this.#bytes.subarray(start, start + argument))
        return text ?? this.#refuse('a text is not UTF-8')
      }
      case MAJOR.array:
        return this.#array(argument, depth)
      case MAJOR.map:
        return this.#map(argument, depth)
      default:
        return this.#refuse("tags aren't allowed")
    }
  }

  #array(length: number, depth: number): unknown[] {
    this.#open(length, depth)
    const items: unknown[] = []
    for (let i = 0; i < length; i++) items.push(this.item(depth + 1))
    return items
  }

  #map(length: number, depth: number): Map<number, unknown> {
    this.#open(2 * length, depth)
    const items = new Map<number, unknown>()
    let before = -1
    for (let i = 0; i < length; i++) {
      const initial = this.#byte()
      if (initial >> 5 !== MAJOR.uint) this.#refuse('the keys of maps are unsigned integers')
      const key = this.#argument(initial)
      if (key <= before) this.#refuse('not in deterministic encoding: keys rise')
      before = key
      items.set(key, this.item(depth + 1))
    }
    return items
  }

  /** Each of `items` takes a byte at least. */
  #open(items: number, depth: number): void {
    if (depth >= MAX_DEPTH) this.#refuse(`nested deeper than ${MAX_DEPTH}`)
    if (items > this.#bytes.length - this.#at) this.#refuse('cut short')
  }

  #argument(info: number): number {
    if (info < 24) return info
    if (info > 27) this.#refuse('indefinite or reserved length')
    const width = 1 << (info - 24)
    const start = this.#take(width)
    let argument = 0
    for (let i = 0; i < width; i++) argument = argument * 256 + this.#bytes[start + i]!
    if (headSize(argument) !== 1 + width)
      this.#refuse('not in deterministic encoding: heads are the shortest')
    return this.#safe(argument)
  }

  #safe(value: number): number {
    return Number.isSafeInteger(value) ? value : this.#refuse('an integer beyond the safe range')
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!
  }

  /** Where the next `length` bytes begin. */
  #take(length: number): number {
    const start = this.#at
    if (length > this.#bytes.length - start) this.#refuse('cut short')
    this.#at = start + length
    return start
  }

  #copy(start: number, length: number): Uint8Array {
    const out = new Uint8Array(length)
    if (length > FEW_BYTES) out.set(this.#bytes.subarray(start, start + length))
    else for (let i = 0; i < length; i++) out[i] = this.#bytes[start + i]!
    return out
  }

  #refuse(what: string): never {
    throw new MalformedError(`${this.#name}: ${what}`, { name: this.#name })
  }
}
