/**
 * Offline tickets: what lets one net key read a space's shards at any provider that has been without its tracker for a while
 * (docs/spec/ticket.md). Invariants: signed by the pool's log key; for reading alone; a provider honours one only on its own clock.
 */
import type { ValueOf } from '../schema.ts'
import { bytes, codec, struct, uint } from '../schema.ts'
import { signedField } from './signed.ts'
import { id, publicKey, suiteField } from './suite.ts'

/** Seconds: who lost a right reads on for a week at most, and only from providers that lost their tracker. */
export const MAX_OFFLINE_TICKET_SECONDS = 7 * 24 * 3_600
/** How long a provider must have been without its tracker, ms: longer than a restart, and than a ticket that was cut off. */
export const OFFLINE_AFTER_MS = 10 * 60_000
const MAX_OFFLINE_TICKET_BYTES = 256

const offlineTicketField = struct({
  suite: [0, suiteField],
  /** The net key that may use it. */
  holder: [1, publicKey],
  space: [2, id],
  /** Unix seconds. */
  notAfter: [3, uint()],
  serial: [4, bytes(16)],
})
export type OfflineTicket = ValueOf<typeof offlineTicketField>
export const offlineTicketCodec = codec('offline ticket', offlineTicketField, MAX_OFFLINE_TICKET_BYTES)
export const signedOfflineTicketField = signedField(MAX_OFFLINE_TICKET_BYTES)
