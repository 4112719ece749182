import { parsePeerAddress } from '../../core/open/peers/peer-address.ts'
import type { ProviderView } from '../../core/open/protocol/tracker-methods.ts'
import type { ProviderRow } from '../../ports/tracker-store-providers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** Which ways an address names. */
function transportsOf(address: string): string {
  const { tls, udp } = parsePeerAddress(address)
  return [...(tls === undefined ? [] : ['tls']), ...(udp === undefined ? [] : ['udp'])].join('+')
}

/** A provider as others see it: its record, what it last reported, whether it is up. */
export function providerViewOf(state: TrackerState, row: ProviderRow): ProviderView {
  const last = state.presence.last(row.id)
  const copies = state.copies.countOf(row.id)
  return {
    id: row.id,
    net: row.net,
    name: row.name,
    operator: row.operator,
    address: row.address,
    transport: transportsOf(row.address),
    capacity: last?.capacity ?? row.capacity,
    used: last?.used ?? 0,
    shards: last?.shards ?? 0,
    up: state.presence.isUp(row.id),
    pid: last?.pid,
    reportedAgo: state.presence.reportedAgo(row.id),
    copies: copies === 0 ? undefined : copies,
  }
}
