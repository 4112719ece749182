/**
 * Tickets: what the tracker lets one net key do at one provider for at most 15 minutes (docs/spec/ticket.md).
 * Invariants: signed by the pool's log key; good for the named net key and provider only; names each shard.
 */
import type { ValueOf } from '../schema.ts'
import { array, bytes, codec, oneOf, struct, tuple, uint } from '../schema.ts'
import { signedField } from './signed.ts'
import { id, publicKey, suiteField } from './suite.ts'

export const TICKET_READ = 0
/** Lets its holder store data shards (and their copies, k = 1): the provider verifies every blob against its id. */
export const TICKET_WRITE = 1
/**
 * Lets its holder store parity shards, which can be verified as a whole only. The issuer says which, never the writer: bytes
 * that were never checked blob by blob must not end up as a data shard.
 */
export const TICKET_WRITE_PARITY = 2
/** Lets its holder read copies, which their provider may drop at any time: that one isn't there is no damage. */
export const TICKET_READ_COPY = 3
/** Seconds. */
export const MAX_TICKET_SECONDS = 15 * 60
/** Shards of one ticket: 4,096 of 4 MiB are 16 GiB; a longer job takes more tickets. */
export const MAX_TICKET_SHARDS = 4_096
export const MAX_TICKET_BYTES = MAX_TICKET_SHARDS * 48 + 512

export const ticketField = struct({
  suite: [0, suiteField],
  kind: [1, oneOf([TICKET_READ, TICKET_WRITE, TICKET_WRITE_PARITY, TICKET_READ_COPY])],
  /** The net key that may use it. */
  holder: [2, publicKey],
  /** The provider id. */
  provider: [3, id],
  /** Shard id, its exact length in bytes, and the first byte of its stripe's id: what a provider announces. */
  shards: [4, array(tuple(id, uint(), uint(255)), MAX_TICKET_SHARDS)],
  /** Unix seconds. */
  notAfter: [5, uint()],
  serial: [6, bytes(16)],
  /** The space that the shards belong to: what a provider goes by when offline tickets count. */
  space: [7, id],
})
export type Ticket = ValueOf<typeof ticketField>
export const ticketCodec = codec('ticket', ticketField, MAX_TICKET_BYTES)
export const signedTicketField = signedField(MAX_TICKET_BYTES)
