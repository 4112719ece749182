import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, toHex } from '../bytes.ts'
import { AllmendError, MalformedError } from '../errors.ts'
import type { ErrorFacts } from '../errors.ts'
import type { FrameType } from './frame.ts'
import { FRAME, FrameDecoder, encodeFrame, MAX_DATA_BYTES, MAX_INLINE_BYTES } from './frame.ts'
import {
  decodeGrantPayload,
  decodeRequestPayload,
  decodeResponsePayload,
  encodeGrantPayload,
  encodeRequestPayload,
  encodeResponsePayload,
} from './frame-payload.ts'
import { decodeWireError, encodeWireError } from './wire-error.ts'

const numRuns = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)

interface Seen {
  readonly type: number
  readonly id: number
  readonly payload: string
}

/** What a decoder reports for these pieces, body pieces of one frame joined, and how it ended. */
function decode(pieces: readonly Uint8Array[]): { seen: Seen[]; error: string | undefined } {
  const seen: Seen[] = []
  const bodies = new Map<string, string>()
  const decoder = new FrameDecoder({
    frame: (type, id, payload) => seen.push({ type, id, payload: toHex(payload) }),
    data(type, id, piece) {
      expect(piece.length).toBeGreaterThan(0)
      bodies.set(`${type}/${id}`, (bodies.get(`${type}/${id}`) ?? '') + toHex(piece))
    },
  })
  let error: string | undefined
  try {
    for (const piece of pieces) decoder.push(piece)
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(MalformedError)
    error = (thrown as MalformedError).message
  }
  for (const [name, payload] of bodies) {
    const [type, id] = name.split('/').map(Number)
    seen.push({ type: type ?? 0, id: id ?? 0, payload })
  }
  return { seen, error }
}

function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const edges = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...edges, bytes.length].map((edge, i) => bytes.slice(i === 0 ? 0 : edges[i - 1], edge))
}

const frames = fc.array(
  fc.oneof(
    fc.record({
      type: fc.constantFrom(FRAME.hello, FRAME.error, FRAME.close, FRAME.requestData, FRAME.responseData),
      id: fc.nat(0xffff_ffff),
      payload: fc.uint8Array({ minLength: 1, maxLength: 16 }),
    }),
    fc.record({
      type: fc.constantFrom(FRAME.grantRequest, FRAME.cancel, FRAME.alive),
      id: fc.nat(0xffff_ffff),
      payload: fc.constant(new Uint8Array(0)),
    }),
    fc.record({
      type: fc.constantFrom(FRAME.request, FRAME.response),
      id: fc.nat(0xffff_ffff),
      payload: fc.uint8Array({ minLength: 14, maxLength: 60 }),
    }),
  ),
  { maxLength: 8 },
)

describe('FrameDecoder', () => {
  it('fuzz: any cutting of a stream gives the same frames', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(1000), { maxLength: 12 }), (list, cuts) => {
        const bytes = concatBytes(...list.map(({ type, id, payload }) => encodeFrame(type, id, payload)))
        const whole = decode([bytes])
        expect(whole.error).toBeUndefined()
        expect(decode(cutAt(bytes, cuts))).toEqual(whole)
      }),
      { numRuns },
    )
  })

  it('fuzz: garbage ends in MalformedError or in nothing, the same for any cutting', () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .tuple(fc.nat(12), fc.uint8Array({ maxLength: 64 }))
        .map(([type, rest]) => Uint8Array.of(type, 0, 0, ...rest)),
    )
    fc.assert(
      fc.property(garbage, fc.array(fc.nat(64), { maxLength: 6 }), (bytes, cuts) => {
        expect(decode(cutAt(bytes, cuts))).toEqual(decode([bytes]))
      }),
      { numRuns },
    )
  })

  it('refuses lengths and types out of range at the header', () => {
    const header = (type: number, length: number): Uint8Array =>
      Uint8Array.of(type, length >>> 16, length >>> 8, length, 0, 0, 0, 1)
    for (const [type, length] of [
      [11, 0],
      [255, 5],
      [FRAME.hello, 0],
      [FRAME.hello, 17],
      [FRAME.request, 13],
      [FRAME.request, MAX_INLINE_BYTES + 15],
      [FRAME.response, MAX_INLINE_BYTES + 9],
      [FRAME.requestData, 0],
      [FRAME.requestData, MAX_DATA_BYTES + 1],
      [FRAME.responseData, 0xff_ffff],
      [FRAME.grantRequest, 5],
      [FRAME.grantResponse, 5],
      [FRAME.cancel, 1],
      [FRAME.alive, 1],
      [FRAME.close, 0],
    ] as const) {
      expect(decode([header(type, length)]).error, `${type} ${length}`).toBeDefined()
    }
    expect(decode([header(FRAME.requestData, MAX_DATA_BYTES)]).error).toBeUndefined()
  })

  it('passes nothing on after stop, not even from the same bytes', () => {
    const seen: number[] = []
    const decoder: FrameDecoder = new FrameDecoder({
      frame(_type, id) {
        seen.push(id)
        decoder.stop()
      },
      data: () => {},
    })
    const two = concatBytes(encodeFrame(FRAME.alive, 1), encodeFrame(FRAME.alive, 2))
    decoder.push(two)
    decoder.push(two)
    expect(seen).toEqual([1])
  })
})

describe('opening payloads', () => {
  const head = fc.uint8Array({ maxLength: 40 })
  it('come back as they went in', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(0xffff_ffff), head, head, (method, accept, h, body) => {
        const request = decodeRequestPayload(encodeRequestPayload(method, accept, h, body))
        expect(request).toEqual({ method, accept, head: h, bodyLength: body.length, inline: body })
        const response = decodeResponsePayload(encodeResponsePayload(h, body))
        expect(response).toEqual({ head: h, bodyLength: body.length, inline: body })
      }),
    )
  })

  it('leave a body out as soon as it does not fit beside the head', () => {
    for (const [h, b] of [
      [1, MAX_INLINE_BYTES],
      [MAX_INLINE_BYTES, 1],
      [0, MAX_INLINE_BYTES + 1],
    ] as const) {
      const payload = encodeResponsePayload(new Uint8Array(h), new Uint8Array(b))
      expect(payload.length).toBe(8 + h)
      expect(decodeResponsePayload(payload)).toMatchObject({ bodyLength: b, inline: undefined })
    }
  })

  it('fuzz: fail with MalformedError or fit exactly', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.nat(30), fc.nat(30), fc.uint8Array({ maxLength: 40 }))
        .map(([h, b, rest]) => Uint8Array.of(0, 0, 0, h, 0, 0, 0, b, ...rest)),
    )
    fc.assert(
      fc.property(bytes, (payload) => {
        for (const read of [decodeRequestPayload, decodeResponsePayload]) {
          try {
            const opening = read(payload)
            expect(opening.inline?.length ?? 0).toBeLessThanOrEqual(payload.length)
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedError)
          }
        }
      }),
      { numRuns },
    )
  })
})

describe('grants', () => {
  it('come back as they went in, and have one of two lengths', () => {
    for (const upTo of [undefined, 0, 1, 65_536, 0xffff_ffff])
      expect(decodeGrantPayload(encodeGrantPayload(upTo))).toBe(upTo)
    for (const length of [1, 2, 3])
      expect(() => decodeGrantPayload(new Uint8Array(length))).toThrow(MalformedError)
  })
})

describe('wire errors', () => {
  const value = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.uint8Array({ maxLength: 30 }),
  )
  // Well-formed texts only: lone surrogates have no UTF-8.
  const text = fc.string({ unit: 'grapheme', maxLength: 20 })

  it('come back as they went in', () => {
    const name = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9-]{0,15}$/)
    const facts = fc.dictionary(name, value, { maxKeys: 5, noNullPrototype: true })
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z-]{1,20}$/), text, facts, (code, message, facts) => {
        const wire = { code, message, facts }
        expect(decodeWireError(encodeWireError(wire))).toEqual(wire)
      }),
    )
  })

  it('are cut to what a frame holds', () => {
    const facts: Record<string, ErrorFacts[string]> = { big: new Uint8Array(5000), long: 'é'.repeat(5000) }
    for (let i = 0; i < 100; i++) facts[`fact ${i}`] = 'x'.repeat(5000)
    const bytes = encodeWireError({ code: 'c'.repeat(100), message: '€'.repeat(5000), facts })
    expect(bytes.length).toBeLessThan(MAX_INLINE_BYTES)
    const read = decodeWireError(bytes)
    expect(read.code.length).toBe(64)
    expect(read.message).toBe('€'.repeat(682))
    expect(read.facts['long']).toBe('é'.repeat(512))
    expect(read.facts['big']).toBeUndefined()
    expect(Object.keys(read.facts).length).toBe(32)
  })

  it('fuzz: garbage fails with MalformedError', () => {
    const wire = fc.uint8Array({ maxLength: 80 })
    fc.assert(
      fc.property(wire, fc.nat(80), (bytes, at) => {
        const good = encodeWireError({
          code: 'busy',
          message: 'm',
          facts: { n: 1, s: 'x', b: true, y: bytes },
        })
        const bent = good.slice()
        bent[at % bent.length]! ^= bytes[0] ?? 1
        for (const input of [bytes, bent, good.subarray(0, at % good.length)]) {
          try {
            decodeWireError(input)
          } catch (error) {
            expect(error).toBeInstanceOf(AllmendError)
          }
        }
      }),
      { numRuns },
    )
  })
})

describe('vectors/frame.json', () => {
  const vectors = JSON.parse(
    readFileSync(new URL('../../../../vectors/frame.json', import.meta.url), 'utf8'),
  ) as {
    frames: { name: string; type: number; id: number; payload: string; bytes: string }[]
    requests: { method: number; accept: number; head: string; body: string; payload: string }[]
    responses: { head: string; body: string; payload: string }[]
    errors: {
      code: string
      message: string
      facts: Record<string, ErrorFacts[string] | { hex: string }>
      payload: string
    }[]
    malformed: { name: string; bytes: string }[]
  }
  const bytes = (hex: string): Uint8Array => {
    const out = fromHex(hex)
    if (out === undefined) throw new Error('bad hex in the vectors')
    return out
  }

  it('frames', () => {
    for (const { type, id, payload, bytes: encoded, name } of vectors.frames) {
      expect(toHex(encodeFrame(type as FrameType, id, bytes(payload))), name).toBe(encoded)
      expect(decode([bytes(encoded)]).seen, name).toEqual([{ type, id, payload }])
    }
  })

  it('payloads', () => {
    for (const { method, accept, head, body, payload } of vectors.requests) {
      expect(toHex(encodeRequestPayload(method, accept, bytes(head), bytes(body)))).toBe(payload)
      expect(decodeRequestPayload(bytes(payload))).toMatchObject({
        method,
        accept,
        bodyLength: body.length / 2,
      })
    }
    for (const { head, body, payload } of vectors.responses) {
      expect(toHex(encodeResponsePayload(bytes(head), bytes(body)))).toBe(payload)
      expect(decodeResponsePayload(bytes(payload)).bodyLength).toBe(body.length / 2)
    }
  })

  it('errors', () => {
    for (const { code, message, facts, payload } of vectors.errors) {
      const plain = Object.entries(facts).map(([name, fact]) => [
        name,
        typeof fact === 'object' && 'hex' in fact ? bytes(fact.hex as string) : fact,
      ])
      const error = { code, message, facts: Object.fromEntries(plain) as ErrorFacts }
      expect(toHex(encodeWireError(error))).toBe(payload)
      expect(decodeWireError(bytes(payload))).toEqual(error)
    }
  })

  it('malformed streams', () => {
    for (const { name, bytes: stream } of vectors.malformed)
      expect(decode([bytes(stream)]).error, name).toBeDefined()
  })
})
