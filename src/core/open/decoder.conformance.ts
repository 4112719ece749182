/**
 * What every decoder of bytes from outside promises: it takes exactly what its encoder makes, and anything else is a typed
 * error. Bytes that decode must be the ones that the encoder makes of the value: one object has one encoding.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concatBytes, toHex } from './bytes.ts'
import { MalformedError } from './errors.ts'

export interface DecoderUnderTest<T> {
  readonly name: string
  /** Encodings that the decoder takes. */
  readonly examples: readonly Uint8Array[]
  readonly decode: (bytes: Uint8Array) => T
  readonly encode: (value: T) => Uint8Array
}

/** Changes bytes in the ways that accidents and attackers do. */
function mutation(examples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const example = fc.constantFrom(...examples)
  const place = fc.nat()
  const set = fc
    .tuple(example, fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 3 }))
    .map(([bytes, edits]) => {
      const out = bytes.slice()
      for (const [at, value] of edits) if (out.length > 0) out[at % out.length] = value
      return out
    })
  const cut = fc.tuple(example, place).map(([bytes, at]) => bytes.slice(0, at % (bytes.length + 1)))
  const splice = fc
    .tuple(example, place, fc.uint8Array({ maxLength: 12 }), fc.nat(12))
    .map(([bytes, at, inserted, dropped]) => {
      const start = at % (bytes.length + 1)
      return concatBytes(
        bytes.subarray(0, start),
        inserted,
        bytes.subarray(Math.min(start + dropped, bytes.length)),
      )
    })
  return fc.oneof(
    { weight: 5, arbitrary: set },
    { weight: 2, arbitrary: cut },
    { weight: 3, arbitrary: splice },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 96 }) },
  )
}

/** Registers the tests; call it at the top of a test file. */
export function decoderConformance<T>({ name, examples, decode, encode }: DecoderUnderTest<T>): void {
  test(`${name}: examples decode, and encode to the same bytes`, () => {
    for (const example of examples) expect(toHex(encode(decode(example)))).toBe(toHex(example))
  })

  test(`fuzz: ${name}: other bytes decode to a value with exactly these bytes, or fail as malformed`, () => {
    fc.assert(
      fc.property(mutation(examples), (hostile) => {
        let value: T
        try {
          value = decode(hostile)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
          return
        }
        expect(toHex(encode(value))).toBe(toHex(hostile))
      }),
      { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
    )
  })
}
