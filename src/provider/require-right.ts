import { DeniedError } from '../core/open/errors.ts'
import { TICKET_READ } from '../core/open/objects/ticket.ts'
import type { Connection } from '../ports/transport.ts'
import { isExpired } from './present-ticket.ts'
import type { ShardOrigin } from './offline-reads.ts'
import type { ProviderState } from './provider-state.ts'
import type { Right, TicketKind } from './ticket-book.ts'

/** The first unexpired right of this connection, in the order of `kinds`, to use a shard; throws DeniedError without one. */
export function requireRight(
  state: ProviderState,
  connection: Connection,
  kinds: readonly TicketKind[],
  shard: Uint8Array,
): Right {
  const rights = kinds.flatMap((kind) => state.tickets.find(connection, kind, shard) ?? [])
  const live = rights.find(({ notAfter }) => !isExpired(state, notAfter))
  if (live !== undefined) return live
  throw new DeniedError(
    rights.length > 0
      ? 'the ticket for this shard has expired'
      : 'no ticket for this use of this shard was presented on this connection',
    { shard: shard.slice() },
  )
}

/**
 * The right to read a shard, by a ticket or, while the tracker is away, by an offline one, which doesn't say the shard's space. Throws
 * DeniedError without either.
 */
export function requireReadRight(
  state: ProviderState,
  connection: Connection,
  shard: Uint8Array,
): { readonly length: number; readonly origin: ShardOrigin | undefined } {
  if (!state.offline.isKnown(connection)) {
    const right = requireRight(state, connection, [TICKET_READ], shard)
    return { length: right.length, origin: right }
  }
  const ticket = state.tickets.find(connection, TICKET_READ, shard)
  if (ticket !== undefined && !isExpired(state, ticket.notAfter))
    return { length: ticket.length, origin: ticket }
  const length = state.store.stat(shard)?.length
  if (length !== undefined && opensOffline(state, connection, shard)) return { length, origin: undefined }
  throw new DeniedError('no shard of a space for which an offline ticket was presented on this connection', {
    shard: shard.slice(),
  })
}

/** Whether an offline ticket of this connection opens the shard now; throws DeniedError while the tracker counts as there. */
export function opensOffline(state: ProviderState, connection: Connection, shard: Uint8Array): boolean {
  return state.offline.opens(connection, shard, (notAfter) => !isExpired(state, notAfter))
}
