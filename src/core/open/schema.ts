/**
 * One place where untrusted structure is read: deterministic CBOR (RFC 8949 section 4.2.1) with integer map keys, described
 * by fields that check type, range and size as they read. Invariants:
 * - decode accepts exactly the bytes that encode would produce for the value: `checkCbor` tells before anything is decoded.
 * - depth is bounded before anything recursive runs; sizes are bounded by the field descriptions.
 * - no floats, tags, indefinite lengths, undefined, or unknown map keys.
 */
import { decode as cborDecode, encode as cborEncode, rfc8949EncodeOptions } from 'cborg'
import { fromUtf8, utf8 } from './bytes.ts'
import { checkCbor } from './check-cbor.ts'
import { MalformedError } from './errors.ts'

/** `checkCbor` has refused all of this; the library is told as well. */
const DECODE_OPTIONS = {
  useMaps: true,
  strict: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
}

export interface Field<T> {
  /** The value in terms of CBOR: number, boolean, string, Uint8Array, array, Map. */
  toWire(value: T): unknown
  /** The checked value; throws MalformedError naming `path`. */
  fromWire(wire: unknown, path: string): T
}

export type ValueOf<F> = F extends Field<infer T> ? T : never

export interface Codec<T> {
  /** Throws MalformedError when the value breaks its own description (a bug or a limit). */
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
}

function refuse(path: string, what: string): never {
  throw new MalformedError(`${path}: ${what}`, { path })
}

/** A byte string of exactly `length` bytes. */
export function bytes(length: number): Field<Uint8Array> {
  return sizedBytes(length, length)
}

/** A byte string of at most `max` bytes. */
export function bytesUpTo(max: number): Field<Uint8Array> {
  return sizedBytes(0, max)
}

function sizedBytes(min: number, max: number): Field<Uint8Array> {
  const check = (value: unknown, path: string): Uint8Array => {
    if (!(value instanceof Uint8Array)) refuse(path, 'not a byte string')
    if (value.length < min || value.length > max)
      refuse(path, `${value.length} bytes, expected ${min === max ? min : `at most ${max}`}`)
    return value
  }
  return { toWire: (value) => check(value, 'value'), fromWire: check }
}

/** An unsigned integer up to `max`. */
export function uint(max: number = Number.MAX_SAFE_INTEGER): Field<number> {
  const check = (value: unknown, path: string): number => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max)
      refuse(path, `not an integer from 0 to ${max}`)
    return value
  }
  return { toWire: (value) => check(value, 'value'), fromWire: check }
}

/** A signed integer within the safe range. */
export function int(): Field<number> {
  const check = (value: unknown, path: string): number => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) refuse(path, 'not an integer')
    return value
  }
  return { toWire: (value) => check(value, 'value'), fromWire: check }
}

/** One of a few integers. */
export function oneOf<const T extends readonly number[]>(values: T): Field<T[number]> {
  const check = (value: unknown, path: string): T[number] => {
    if (typeof value !== 'number' || !values.includes(value)) refuse(path, `not one of ${values.join(', ')}`)
    return value
  }
  return { toWire: (value) => check(value, 'value'), fromWire: check }
}

export function bool(): Field<boolean> {
  const check = (value: unknown, path: string): boolean =>
    typeof value === 'boolean' ? value : refuse(path, 'not a boolean')
  return { toWire: (value) => check(value, 'value'), fromWire: check }
}

/** Text of at most `max` UTF-8 bytes. */
export function text(max: number): Field<string> {
  const check = (value: unknown, path: string): string => {
    if (typeof value !== 'string') refuse(path, 'not a text')
    const encoded = utf8(value)
    if (encoded.length > max) refuse(path, `longer than ${max} bytes`)
    // Lone surrogates don't survive UTF-8.
    if (fromUtf8(encoded) !== value) refuse(path, 'not well-formed Unicode')
    return value
  }
  return { toWire: (value) => check(value, 'value'), fromWire: check }
}

export function array<T>(item: Field<T>, max: number): Field<readonly T[]> {
  return {
    toWire(values) {
      if (values.length > max) refuse('value', `${values.length} items, at most ${max}`)
      return values.map((value) => item.toWire(value))
    },
    fromWire(wire, path) {
      if (!Array.isArray(wire)) refuse(path, 'not an array')
      if (wire.length > max) refuse(path, `${wire.length} items, at most ${max}`)
      return wire.map((value, i) => item.fromWire(value, `${path}[${i}]`))
    },
  }
}

/** A fixed-length array with a field for each place. */
export function tuple<const F extends readonly Field<never>[] | readonly Field<unknown>[]>(
  ...fields: F
): Field<{ readonly [K in keyof F]: ValueOf<F[K]> }> {
  type Values = { readonly [K in keyof F]: ValueOf<F[K]> }
  const items = fields as unknown as readonly Field<unknown>[]
  return {
    toWire: (values) => items.map((field, i) => field.toWire((values as unknown as readonly unknown[])[i])),
    fromWire(wire, path) {
      if (!Array.isArray(wire) || wire.length !== items.length)
        refuse(path, `not an array of ${items.length}`)
      return items.map((field, i) => field.fromWire(wire[i], `${path}[${i}]`)) as unknown as Values
    },
  }
}

const OPTIONAL = Symbol('optional')

export interface OptionalField<T> extends Field<T> {
  readonly [OPTIONAL]: true
}

/** A struct's field that may be absent; absent is `undefined`, never null. */
export function optional<T>(field: Field<T>): OptionalField<T> {
  return { ...field, [OPTIONAL]: true }
}

type Shape = Record<string, readonly [key: number, field: Field<never> | Field<unknown>]>
type FieldAt<S extends Shape, K extends keyof S> = S[K][1]
type OptionalKeys<S extends Shape> = {
  [K in keyof S]: FieldAt<S, K> extends OptionalField<unknown> ? K : never
}[keyof S]
export type StructOf<S extends Shape> = {
  readonly [K in Exclude<keyof S, OptionalKeys<S>>]: ValueOf<FieldAt<S, K>>
} & { readonly [K in OptionalKeys<S>]?: ValueOf<FieldAt<S, K>> | undefined }

/** A map with the given integer keys; anything else in it is refused. */
export function struct<const S extends Shape>(shape: S): Field<StructOf<S>> {
  const entries = Object.entries(shape) as unknown as [string, readonly [number, Field<unknown>]][]
  const keys = new Set(entries.map(([, [key]]) => key))
  return {
    toWire(value) {
      const out = new Map<number, unknown>()
      for (const [name, [key, field]] of entries) {
        const item = (value as Record<string, unknown>)[name]
        if (item === undefined && OPTIONAL in field) continue
        out.set(key, field.toWire(item))
      }
      return out
    },
    fromWire(wire, path) {
      if (!(wire instanceof Map)) refuse(path, 'not a map')
      for (const key of wire.keys()) if (!keys.has(key)) refuse(path, `unknown key ${String(key)}`)
      const out: Record<string, unknown> = {}
      for (const [name, [key, field]] of entries) {
        const item: unknown = wire.get(key)
        if (item === undefined) {
          if (OPTIONAL in field) continue
          refuse(path, `${name} is missing`)
        }
        out[name] = field.fromWire(item, `${path}.${name}`)
      }
      return out as StructOf<S>
    },
  }
}

/** A codec for whole objects of at most `maxBytes`; `name` stands in error messages. */
export function codec<T>(name: string, field: Field<T>, maxBytes: number): Codec<T> {
  return {
    encode(value) {
      const out = encodeCbor(field.toWire(value))
      if (out.length > maxBytes)
        throw new MalformedError(`${name}: ${out.length} bytes, at most ${maxBytes}`, { name })
      return out
    },
    decode(encoded) {
      if (encoded.length > maxBytes)
        throw new MalformedError(`${name}: ${encoded.length} bytes, at most ${maxBytes}`, { name })
      return field.fromWire(decodeCbor(encoded, name), name)
    },
  }
}

/** Deterministic CBOR of numbers, booleans, texts, byte strings, arrays and Maps. */
export function encodeCbor(value: unknown): Uint8Array {
  return cborEncode(value, rfc8949EncodeOptions)
}

function decodeCbor(encoded: Uint8Array, name: string): unknown {
  checkCbor(encoded, name)
  try {
    return cborDecode(encoded, DECODE_OPTIONS)
  } catch (error) {
    throw new MalformedError(`${name}: not CBOR`, { name }, { cause: error })
  }
}
