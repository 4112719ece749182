import { RIGHT } from '../../core/open/objects/change.ts'
import type { StripeView } from '../../core/open/protocol/tracker-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import type { StripeRow } from '../../ports/tracker-store-stripes.ts'
import { callingDevice, requireRight } from '../callers.ts'
import { stripeViewOf, viewBytes } from './stripe-views.ts'
import type { NamedTicket } from './tickets.ts'
import { readTickets } from './tickets.ts'
import type { TrackerState } from '../tracker-state.ts'
import { poolOf } from '../tracker-state.ts'

const MAX_PAGE_STRIPES = 1_024
/** As for located blobs. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024

/** The committed stripes of a space by id, a page at a time, with read tickets. Throws DeniedError. */
export function listStripes(
  state: TrackerState,
  { space, cursor }: { readonly space: Uint8Array; readonly cursor?: Uint8Array | undefined },
  context: Context,
): { stripes: StripeView[]; tickets: NamedTicket[]; cursor: Uint8Array | undefined } {
  return state.store.read((tables) => {
    const device = callingDevice(state, tables, context)
    requireRight(state, tables, device.member, space, RIGHT.download)
    const { pool } = poolOf(state, tables)
    const found = tables.stripes.committedStripes(space, cursor, MAX_PAGE_STRIPES + 1)
    const page: StripeRow[] = []
    let bytes = 0
    for (const row of found) {
      bytes += viewBytes(row)
      if (page.length > 0 && (page.length >= MAX_PAGE_STRIPES || bytes > MAX_PAGE_BYTES)) break
      page.push(row)
    }
    return {
      stripes: page.map((row) => stripeViewOf(state, row)),
      tickets: readTickets(state, { pool, holder: device.net }, space, page),
      cursor: page.length < found.length ? page.at(-1)?.id : undefined,
    }
  })
}
