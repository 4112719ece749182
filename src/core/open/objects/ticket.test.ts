import fc from 'fast-check'
import { expect, test } from 'vitest'
import vectors from '../../../../vectors/ticket.json' with { type: 'json' }
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import { fromHex, toHex } from '../bytes.ts'
import { MalformedError, UntrustedError } from '../errors.ts'
import type { OfflineTicket } from './offline-ticket.ts'
import { offlineTicketCodec } from './offline-ticket.ts'
import { openSigned, signObject } from './signed.ts'
import type { Ticket } from './ticket.ts'
import { ticketCodec } from './ticket.ts'

const hex = (text: string) => fromHex(text)!
const [pool, logSeed, logKey] = [vectors.pool, vectors.logSeed, vectors.logKey].map(hex) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
]
const open = (body: Uint8Array, signature: Uint8Array) =>
  openSigned(nodePrimitives, 'ticket', pool, logKey, ticketCodec, [body, signature])

test('vectors/ticket.json', () => {
  for (const { name, body, signature, ...fields } of vectors.tickets) {
    const ticket: Ticket = {
      suite: 1,
      kind: fields.kind as Ticket['kind'],
      holder: hex(fields.holder),
      provider: hex(fields.provider),
      shards: fields.shards.map(
        ([id, length, stripe]) => [hex(String(id)), Number(length), Number(stripe)] as const,
      ),
      notAfter: fields.notAfter,
      serial: hex(fields.serial),
      space: hex(fields.space),
    }
    const signed = signObject(nodePrimitives, 'ticket', pool, logSeed, ticketCodec, ticket)
    expect(signed.map(toHex), name).toEqual([body, signature])
    expect(ticketCodec.encode(open(hex(body), hex(signature))), name).toEqual(ticketCodec.encode(ticket))
  }
})

test('vectors/ticket.json, offline tickets', () => {
  for (const { name, body, signature, ...fields } of vectors.offline) {
    const ticket: OfflineTicket = {
      suite: 1,
      holder: hex(fields.holder),
      space: hex(fields.space),
      notAfter: fields.notAfter,
      serial: hex(fields.serial),
    }
    const signed = signObject(nodePrimitives, 'offline-ticket', pool, logSeed, offlineTicketCodec, ticket)
    expect(signed.map(toHex), name).toEqual([body, signature])
    expect(offlineTicketCodec.decode(hex(body)), name).toEqual(ticket)
    // Neither is ever taken for the other.
    expect(() => open(hex(body), hex(signature))).toThrow(UntrustedError)
  }
})

test('fuzz: a changed ticket is refused before it is read', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, flip) => {
      const { body, signature } = vectors.tickets[which % vectors.tickets.length]!
      const whole = hex(body + signature)
      whole[at % whole.length]! ^= flip
      const cut = whole.length - 64
      expect(() => open(whole.slice(0, cut), whole.slice(cut))).toThrow(UntrustedError)
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})

test('fuzz: bytes are a ticket that encodes to them, or malformed', () => {
  const edit = fc.tuple(fc.nat(), fc.nat(255))
  fc.assert(
    fc.property(fc.nat(), fc.array(edit, { minLength: 1, maxLength: 4 }), fc.nat(), (which, edits, cut) => {
      const bytes = hex(vectors.tickets[which % vectors.tickets.length]!.body)
      for (const [at, value] of edits) bytes[at % bytes.length] = value
      const input = cut % 3 === 0 ? bytes.slice(0, cut % bytes.length) : bytes
      let ticket: Ticket
      try {
        ticket = ticketCodec.decode(input)
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
        return
      }
      expect(toHex(ticketCodec.encode(ticket))).toBe(toHex(input))
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})
