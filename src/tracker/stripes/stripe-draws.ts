import { equalBytes } from '../../core/open/bytes.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingDevice, requireRight } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** What one answer holds, as for listed stripes. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

/** How stripes of a space came to their places, as far as one answer goes. Throws DeniedError. */
export function stripeDraws(
  state: TrackerState,
  { space, stripes }: { readonly space: Uint8Array; readonly stripes: readonly Uint8Array[] },
  context: Context,
): { draws: Uint8Array[][] } {
  return state.store.read((tables) => {
    const device = callingDevice(state, tables, context)
    requireRight(state, tables, device.member, space, RIGHT.download)
    const answer: Uint8Array[][] = []
    let bytes = 0
    for (const id of stripes) {
      const row = tables.stripes.stripe(id)
      const isThere = row !== undefined && equalBytes(row.space, space)
      const draws = isThere ? tables.stripes.draws(id) : []
      bytes += draws.reduce((sum, draw) => sum + draw.length, 0)
      if (answer.length > 0 && bytes > MAX_ANSWER_BYTES) break
      answer.push(draws)
    }
    return { draws: answer }
  })
}
