import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UsageError } from '../errors.ts'
import type { JoinToken } from './join-token.ts'
import {
  TOKEN_FOUNDING,
  TOKEN_MEMBER,
  TOKEN_PROVIDER,
  encodeJoinToken,
  parseJoinToken,
} from './join-token.ts'

const id = fc.uint8Array({ minLength: 32, maxLength: 32 })
const address = fc
  .tuple(fc.constantFrom('127.0.0.1', 'tracker.example.org', '[::1]'), fc.integer({ min: 1, max: 65_535 }))
  .map(([host, port]) => `${host}:${port}`)
const token: fc.Arbitrary<JoinToken> = fc.oneof(
  fc.record({ kind: fc.constant(TOKEN_FOUNDING), address, peerId: id, secret: id }),
  fc.record({
    kind: fc.constantFrom(TOKEN_MEMBER, TOKEN_PROVIDER),
    address,
    peerId: id,
    secret: id,
    pool: id,
    inviter: id,
  }),
)

test('a token survives being written down', () => {
  fc.assert(
    fc.property(token, (value) => {
      expect(parseJoinToken(`  ${encodeJoinToken(value)}\n`)).toEqual(value)
    }),
  )
})

test('fuzz: any text is a token that encodes to itself, or a usage error', () => {
  const changed = fc.tuple(token, fc.nat(), fc.string({ maxLength: 3 })).map(([value, at, text]) => {
    const whole = encodeJoinToken(value)
    const place = at % (whole.length + 1)
    return whole.slice(0, place) + text + whole.slice(place + (at % 4))
  })
  fc.assert(
    fc.property(fc.oneof(changed, fc.string({ maxLength: 500 })), (text) => {
      let parsed: JoinToken
      try {
        parsed = parseJoinToken(text)
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError)
        return
      }
      expect(encodeJoinToken(parsed)).toBe(text.trim())
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})
