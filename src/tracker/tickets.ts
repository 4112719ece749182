import { toHex } from '../core/open/bytes.ts'
import type { Ticket } from '../core/open/objects/ticket.ts'
import type { Signed } from '../core/open/objects/signed.ts'
import { signObject } from '../core/open/objects/signed.ts'
import { SUITE } from '../core/open/objects/suite.ts'
import {
  MAX_TICKET_SECONDS,
  MAX_TICKET_SHARDS,
  TICKET_READ,
  TICKET_WRITE,
  TICKET_WRITE_PARITY,
  ticketCodec,
} from '../core/open/objects/ticket.ts'
import type { StripeRow } from '../ports/tracker-store-stripes.ts'
import { HOLDER_GIVEN_UP } from '../ports/tracker-store-stripes.ts'
import type { TrackerState } from './tracker-state.ts'
import { nowSeconds } from './tracker-state.ts'

export type NamedTicket = readonly [provider: Uint8Array, ticket: Signed]

export const SERIAL_BYTES = 16

type TicketShard = Ticket['shards'][number]

interface TicketFor {
  readonly pool: Uint8Array
  /** The net key that may use it. */
  readonly holder: Uint8Array
}

function issue(
  state: TrackerState,
  { pool, holder }: TicketFor,
  kind: typeof TICKET_READ | typeof TICKET_WRITE | typeof TICKET_WRITE_PARITY,
  provider: Uint8Array,
  space: Uint8Array,
  shards: readonly TicketShard[],
  notAfter: number,
): NamedTicket {
  const serial = state.random.bytes(SERIAL_BYTES)
  const ticket = { suite: SUITE, kind, holder, provider, shards, notAfter, serial, space } as const
  return [provider, signObject(state.primitives, 'ticket', pool, state.logSeed, ticketCodec, ticket)]
}

/** Tickets to read every shard of these stripes of a space, one for each provider that may have some. */
export function readTickets(
  state: TrackerState,
  to: TicketFor,
  space: Uint8Array,
  stripes: readonly StripeRow[],
): NamedTicket[] {
  const shards = new Map<string, { provider: Uint8Array; shards: Map<string, TicketShard> }>()
  for (const { id, stripe, holders } of stripes)
    for (const { index, provider, state: held } of holders) {
      if (held === HOLDER_GIVEN_UP) continue
      const key = toHex(provider)
      let entry = shards.get(key)
      if (entry === undefined) {
        entry = { provider, shards: new Map() }
        shards.set(key, entry)
      }
      const shard = stripe.shards[index]!
      entry.shards.set(toHex(shard[0]), [...shard, id[0]!])
    }
  const notAfter = nowSeconds(state) + MAX_TICKET_SECONDS
  return [...shards.values()].map((entry) =>
    // Callers stop at stripes that would exceed this.
    issue(
      state,
      to,
      TICKET_READ,
      entry.provider,
      space,
      [...entry.shards.values()].slice(0, MAX_TICKET_SHARDS),
      notAfter,
    ),
  )
}

/** A ticket to store one shard of a stripe; it ends with the stripe's lease at the latest. */
export function writeTicket(
  state: TrackerState,
  to: TicketFor,
  row: Pick<StripeRow, 'id' | 'stripe' | 'space' | 'leaseUntil'>,
  index: number,
  provider: Uint8Array,
): NamedTicket {
  // With k = 1 every shard is a copy of the data and can be verified blob by blob.
  const isData = index < row.stripe.k || row.stripe.k === 1
  const kind = isData ? TICKET_WRITE : TICKET_WRITE_PARITY
  const notAfter = Math.min(nowSeconds(state) + MAX_TICKET_SECONDS, Math.ceil(row.leaseUntil / 1_000))
  return issue(state, to, kind, provider, row.space, [[...row.stripe.shards[index]!, row.id[0]!]], notAfter)
}
