import { equalBytes } from '../../core/open/bytes.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import { MAX_OFFLINE_TICKET_SECONDS, offlineTicketCodec } from '../../core/open/objects/offline-ticket.ts'
import { hasRight } from '../../core/open/objects/rights.ts'
import { signObject } from '../../core/open/objects/signed.ts'
import { SUITE } from '../../core/open/objects/suite.ts'
import type { Context } from '../../ports/rpc.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'
import { callingDevice } from '../callers.ts'
import type { NamedTicket } from './tickets.ts'
import { SERIAL_BYTES } from './tickets.ts'
import type { TrackerState } from '../tracker-state.ts'
import { nowSeconds, poolOf } from '../tracker-state.ts'

/**
 * A ticket for each space in which the caller's member holds `download`: good for a week, and no longer than the right itself and the
 * device's certificate.
 */
export function offlineTickets(
  state: TrackerState,
  _request: Record<never, never>,
  context: Context,
): { tickets: NamedTicket[] } {
  return state.store.read((tables) => {
    const device = callingDevice(state, tables, context)
    const { pool } = poolOf(state, tables)
    const now = nowSeconds(state)
    const tickets = tables.spaces.spacesOf(device.member).flatMap(({ id: space }): NamedTicket[] => {
      const until = mayDownloadUntil(tables, device.member, space)
      const notAfter = Math.min(until, device.notAfter, now + MAX_OFFLINE_TICKET_SECONDS)
      if (notAfter < now) return []
      const serial = state.random.bytes(SERIAL_BYTES)
      const ticket = { suite: SUITE, holder: device.net, space, notAfter, serial }
      return [
        [
          space,
          signObject(state.primitives, 'offline-ticket', pool, state.logSeed, offlineTicketCodec, ticket),
        ],
      ]
    })
    return { tickets }
  })
}

/** Unix seconds; 0 for a member who may not. */
function mayDownloadUntil(tables: TrackerReader, member: Uint8Array, space: Uint8Array): number {
  const ends = tables.spaces
    .grants(space)
    .filter(({ grantee, rights }) => equalBytes(grantee, member) && hasRight(rights, RIGHT.download))
    .map(({ notAfter }) => notAfter ?? Number.MAX_SAFE_INTEGER)
  return Math.max(0, ...ends)
}
