import { DeniedError } from '../../core/open/errors.ts'
import { TICKET_READ, TICKET_READ_COPY } from '../../core/open/objects/ticket.ts'
import type { Connection } from '../../ports/transport.ts'
import { isExpired } from './in-time.ts'
import type { ShardOrigin } from './offline-reads.ts'
import type { ProviderState } from '../provider-state.ts'
import type { Right, TicketKind } from './ticket-book.ts'

/** The first unexpired right of this connection, in the order of `kinds`, to use a shard; throws DeniedError without one. */
export function requireRight(
  state: ProviderState,
  connection: Connection,
  kinds: readonly TicketKind[],
  shard: Uint8Array,
): Right {
  const live = liveRight(state, connection, kinds, shard)
  if (live !== undefined) return live
  throw new DeniedError(
    kinds.some((kind) => state.tickets.find(connection, kind, shard) !== undefined)
      ? 'the ticket for this shard has expired'
      : 'no ticket for this use of this shard was presented on this connection',
    { shard: shard.slice() },
  )
}

function liveRight(
  state: ProviderState,
  connection: Connection,
  kinds: readonly TicketKind[],
  shard: Uint8Array,
): Right | undefined {
  return kinds
    .flatMap((kind) => state.tickets.find(connection, kind, shard) ?? [])
    .find(({ notAfter }) => !isExpired(state, notAfter))
}

/** What tickets let their holder read: of a shard that is here as a copy alone, it is no fault that it isn't. */
const TO_READ = [TICKET_READ, TICKET_READ_COPY] as const

export interface ReadRight {
  readonly length: number
  /** Where the shard is from, as a ticket says that names this provider as its holder. */
  readonly origin: ShardOrigin | undefined
  readonly isCopy: boolean
}

/**
 * The right to read a shard, by a ticket or, while the tracker is away, by an offline one, which doesn't say the shard's space. Throws
 * DeniedError without either.
 */
export function requireReadRight(state: ProviderState, connection: Connection, shard: Uint8Array): ReadRight {
  if (!state.offline.isKnown(connection)) return readRightOf(requireRight(state, connection, TO_READ, shard))
  const ticket = liveRight(state, connection, TO_READ, shard)
  if (ticket !== undefined) return readRightOf(ticket)
  const length = state.store.stat(shard)?.length
  if (length !== undefined && opensOffline(state, connection, shard))
    return { length, origin: undefined, isCopy: false }
  throw new DeniedError('no shard of a space for which an offline ticket was presented on this connection', {
    shard: shard.slice(),
  })
}

function readRightOf(right: Right): ReadRight {
  const isCopy = right.kind === TICKET_READ_COPY
  return { length: right.length, origin: isCopy ? undefined : right, isCopy }
}

/** Whether an offline ticket of this connection opens the shard now; throws DeniedError while the tracker counts as there. */
export function opensOffline(state: ProviderState, connection: Connection, shard: Uint8Array): boolean {
  return state.offline.opens(connection, shard, (notAfter) => !isExpired(state, notAfter))
}
