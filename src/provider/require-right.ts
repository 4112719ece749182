import { DeniedError } from '../core/open/errors.ts'
import type { Connection } from '../ports/transport.ts'
import { isExpired } from './present-ticket.ts'
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
