import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import { MAX_TICKET_SHARDS } from '../../core/open/objects/ticket.ts'
import type { ProviderView, StripeView } from '../../core/open/protocol/tracker-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'
import type { BlobLocation, StripeRow } from '../../ports/tracker-store-stripes.ts'
import { callingDevice, requireRight } from '../callers.ts'
import type { CopyPlace } from '../copies/copies-of.ts'
import { copiesOf } from '../copies/copies-of.ts'
import { providerViewOf } from '../providers/provider-views.ts'
import { StripeHealth } from './stripe-health.ts'
import { stripeViewOf, viewBytes } from './stripe-views.ts'
import type { NamedTicket } from './tickets.ts'
import { copyTickets, readTickets } from './tickets.ts'
import type { TrackerState } from '../tracker-state.ts'
import { poolOf } from '../tracker-state.ts'

/** Stripes, holders and tickets of one answer, bytes: it must fit a message with room to spare. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

type Place = readonly [blob: Uint8Array, stripe: number, index: number, offset: number, length: number]

/**
 * Where blobs are, for those who may open contents: the best of several places, its stripe's holders and copies, read tickets. An answer
 * that would grow too large stops early and says after how many blobs. Throws DeniedError without the right to download.
 */
export function locateBlobs(
  state: TrackerState,
  { space, blobs }: { readonly space: Uint8Array; readonly blobs: readonly Uint8Array[] },
  context: Context,
): {
  stripes: StripeView[]
  places: Place[]
  tickets: NamedTicket[]
  providers: ProviderView[]
  looked: number | undefined
} {
  return state.store.read((tables) => {
    const device = callingDevice(state, tables, context)
    requireRight(state, tables, device.member, space, RIGHT.download)
    const { pool } = poolOf(state, tables)
    const health = new StripeHealth(tables.stripes, state.presence)
    const found: { readonly row: StripeRow; readonly copies: readonly CopyPlace[] }[] = []
    const numbers = new Map<string, number>()
    const places: Place[] = []
    let bytes = 0
    let looked: number | undefined
    for (const [i, blob] of blobs.entries()) {
      const best = bestPlace(tables, health, space, blob, device.member)
      if (best === undefined) continue
      const key = toHex(best.at.stripe)
      let number = numbers.get(key)
      if (number === undefined) {
        const copies = copiesOf(state, best.row)
        bytes += viewBytes(best.row, copies)
        if (found.length > 0 && (bytes > MAX_ANSWER_BYTES || found.length >= MAX_TICKET_SHARDS)) {
          looked = i
          break
        }
        number = found.push({ row: best.row, copies }) - 1
        numbers.set(key, number)
      }
      places.push([blob, number, best.at.index, best.at.offset, best.at.length])
    }
    const to = { pool, holder: device.net }
    const rows = found.map(({ row }) => row)
    const tickets = [...readTickets(state, to, space, rows), ...copyTickets(state, to, space, found)]
    const ids = new Map(tickets.map(([id]) => [toHex(id), id]))
    const providers = [...ids.values()].flatMap((id) => {
      const row = tables.providers.provider(id)
      return row === undefined ? [] : [providerViewOf(state, row)]
    })
    const stripes = found.map(({ row, copies }) => stripeViewOf(state, row, copies))
    return { stripes, places, tickets, providers, looked }
  })
}

/** The place in the stripe that can lose most, and of these one whose own shard can be read as it is. */
function bestPlace(
  tables: TrackerReader,
  health: StripeHealth,
  space: Uint8Array,
  blob: Uint8Array,
  member: Uint8Array,
): { readonly at: BlobLocation; readonly row: StripeRow } | undefined {
  let best: { at: BlobLocation; row: StripeRow; spare: number } | undefined
  for (const at of tables.stripes.locations(space, blob)) {
    if (!at.committed && !(at.sealed && equalBytes(at.member, member))) continue
    const found = health.of(at.stripe)
    if (found === undefined) continue
    const spare = found.good - found.row.stripe.k
    if (best === undefined || spare > best.spare) best = { at, row: found.row, spare }
  }
  return best
}
