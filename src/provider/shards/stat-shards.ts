import { TICKET_READ, TICKET_WRITE, TICKET_WRITE_PARITY } from '../../core/open/objects/ticket.ts'
import { statShards } from '../../core/open/protocol/provider-methods.ts'
import type { Route } from '../../ports/rpc.ts'
import { route } from '../../ports/rpc.ts'
import type { ProviderState } from '../provider-state.ts'
import { opensOffline, requireRight } from '../tickets/require-right.ts'

const ANY = [TICKET_READ, TICKET_WRITE, TICKET_WRITE_PARITY] as const

/**
 * Says which shards are here and not known to be damaged; with an offline ticket, of its space alone. Throws DeniedError when a ticket
 * for one of them is missing.
 */
export function statShardsRoute(state: ProviderState): Route {
  return route(statShards, ({ shards }, { connection }) => {
    const present = shards.map((shard) => {
      // Who reads offline asks for what may be anywhere: that it isn't here, and that it is not for him, is one answer.
      if (state.offline.isKnown(connection)) {
        if (!opensOffline(state, connection, shard)) return false
      } else requireRight(state, connection, ANY, shard)
      return state.store.stat(shard)?.whole === true
    })
    return Promise.resolve({ value: { present } })
  })
}
