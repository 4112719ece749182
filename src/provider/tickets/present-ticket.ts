import { equalBytes } from '../../core/open/bytes.ts'
import { DeniedError } from '../../core/open/errors.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import { MAX_TICKET_SECONDS, ticketCodec } from '../../core/open/objects/ticket.ts'
import { presentTicket } from '../../core/open/protocol/provider-methods.ts'
import type { Route } from '../../ports/rpc.ts'
import { route } from '../../ports/rpc.ts'
import type { ProviderState } from '../provider-state.ts'
import { requireInTime } from './in-time.ts'

/**
 * Takes a ticket for the caller's connection. Throws UntrustedError for a signature that isn't the log key's,
 * MalformedError, DeniedError for a ticket of another holder, for another provider, expired, or valid for too long.
 */
export function presentTicketRoute(state: ProviderState): Route {
  return route(presentTicket, (request, { peerKey, connection }) => {
    const ticket = openSigned(
      state.primitives,
      'ticket',
      state.pool,
      state.logKey,
      ticketCodec,
      request.ticket,
    )
    if (!equalBytes(ticket.holder, peerKey)) throw new DeniedError('this ticket is for another net key')
    if (!equalBytes(ticket.provider, state.id)) throw new DeniedError('this ticket is for another provider')
    requireInTime(state, ticket.notAfter, MAX_TICKET_SECONDS)
    state.tickets.add(connection, ticket)
    const head = state.newestHead()
    return Promise.resolve({ value: head === undefined ? {} : { head } })
  })
}
