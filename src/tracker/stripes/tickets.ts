import { equalBytes, toHex } from '../../core/open/bytes.ts'
import type { Ticket } from '../../core/open/objects/ticket.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { signObject } from '../../core/open/objects/signed.ts'
import { SUITE } from '../../core/open/objects/suite.ts'
import {
  MAX_TICKET_SECONDS,
  MAX_TICKET_SHARDS,
  TICKET_READ,
  TICKET_READ_COPY,
  TICKET_WRITE,
  TICKET_WRITE_PARITY,
  ticketCodec,
} from '../../core/open/objects/ticket.ts'
import type { StripeRow } from '../../ports/tracker-store-stripes.ts'
import { HOLDER_GIVEN_UP } from '../../ports/tracker-store-stripes.ts'
import type { CopyPlace } from '../copies/copies-of.ts'
import type { TrackerState } from '../tracker-state.ts'
import { nowSeconds } from '../tracker-state.ts'

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
  kind: Ticket['kind'],
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
  return ticketsToRead(
    state,
    to,
    TICKET_READ,
    space,
    stripes.flatMap((row) =>
      row.holders
        .filter(({ state: held }) => held !== HOLDER_GIVEN_UP)
        .map(({ index, provider }) => [provider, ticketShard(row, index)] as const),
    ),
  )
}

/** Tickets to read copies of shards of these stripes, one for each provider that keeps some. */
export function copyTickets(
  state: TrackerState,
  to: TicketFor,
  space: Uint8Array,
  stripes: readonly { readonly row: StripeRow; readonly copies: readonly CopyPlace[] }[],
): NamedTicket[] {
  const shards = stripes.flatMap(({ row, copies }) =>
    copies.map(([index, provider]) => [provider, ticketShard(row, index)] as const),
  )
  return ticketsToRead(state, to, TICKET_READ_COPY, space, shards)
}

/** A ticket to read one shard from its holder, for a provider that is to keep a copy. */
export function copierTicket(
  state: TrackerState,
  to: TicketFor,
  row: StripeRow,
  shard: Uint8Array,
  from: Uint8Array,
): Signed {
  const index = row.stripe.shards.findIndex(([id]) => equalBytes(id, shard))
  const notAfter = nowSeconds(state) + MAX_TICKET_SECONDS
  return issue(state, to, TICKET_READ, from, row.space, [ticketShard(row, index)], notAfter)[1]
}

function ticketShard({ id, stripe }: Pick<StripeRow, 'id' | 'stripe'>, index: number): TicketShard {
  return [...stripe.shards[index]!, id[0]!]
}

function ticketsToRead(
  state: TrackerState,
  to: TicketFor,
  kind: typeof TICKET_READ | typeof TICKET_READ_COPY,
  space: Uint8Array,
  wanted: readonly (readonly [provider: Uint8Array, shard: TicketShard])[],
): NamedTicket[] {
  const byProvider = new Map<string, { provider: Uint8Array; shards: Map<string, TicketShard> }>()
  for (const [provider, shard] of wanted) {
    const key = toHex(provider)
    let entry = byProvider.get(key)
    if (entry === undefined) {
      entry = { provider, shards: new Map() }
      byProvider.set(key, entry)
    }
    entry.shards.set(toHex(shard[0]), shard)
  }
  const notAfter = nowSeconds(state) + MAX_TICKET_SECONDS
  return [...byProvider.values()].map(({ provider, shards }) =>
    // Callers stop at stripes that would exceed this.
    issue(state, to, kind, provider, space, [...shards.values()].slice(0, MAX_TICKET_SHARDS), notAfter),
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
  return issue(state, to, kind, provider, row.space, [ticketShard(row, index)], notAfter)
}
