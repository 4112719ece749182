import { equalBytes } from '../../core/open/bytes.ts'
import { DeniedError } from '../../core/open/errors.ts'
import { MAX_OFFLINE_TICKET_SECONDS, offlineTicketCodec } from '../../core/open/objects/offline-ticket.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import { presentOfflineTicket } from '../../core/open/protocol/provider-methods.ts'
import type { Route } from '../../ports/rpc.ts'
import { route } from '../../ports/rpc.ts'
import { requireInTime } from './in-time.ts'
import type { ProviderState } from '../provider-state.ts'

/**
 * Takes an offline ticket for the caller's connection. Throws UntrustedError for a signature that isn't the log key's, MalformedError,
 * DeniedError for a ticket of another holder, expired, valid for too long, or while the tracker counts as there.
 */
export function presentOfflineTicketRoute(state: ProviderState): Route {
  return route(presentOfflineTicket, (request, { peerKey, connection }) => {
    const ticket = openSigned(
      state.primitives,
      'offline-ticket',
      state.pool,
      state.logKey,
      offlineTicketCodec,
      request.ticket,
    )
    if (!equalBytes(ticket.holder, peerKey)) throw new DeniedError('this ticket is for another net key')
    requireInTime(state, ticket.notAfter, MAX_OFFLINE_TICKET_SECONDS)
    state.offline.requireAlone()
    state.offline.admit(connection, ticket)
    return Promise.resolve({ value: {} })
  })
}
