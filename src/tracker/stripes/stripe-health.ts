import { toHex } from '../../core/open/bytes.ts'
import type { Scheme } from '../../core/open/stripes/stripe.ts'
import { happyThreshold } from '../../core/open/stripes/stripe.ts'
import type { StripeReader, StripeRow } from '../../ports/tracker-store-stripes.ts'
import { HOLDER_STORED } from '../../ports/tracker-store-stripes.ts'
import type { Presence } from '../providers/presence.ts'

export type StripeState = 'healthy' | 'degraded' | 'atRisk' | 'lost'

/** Shards of the stripe that a provider which is up has, undamaged as far as known; each index counts once. */
export function goodShards(stripe: StripeRow, presence: Presence): number {
  const good = new Set<number>()
  for (const { index, provider, state, damaged } of stripe.holders)
    if (state === HOLDER_STORED && !damaged && presence.isUp(provider)) good.add(index)
  return good.size
}

/** What so many good shards mean for a scheme. */
export function stripeState(scheme: Scheme, good: number): StripeState {
  if (good >= scheme.n) return 'healthy'
  if (good >= happyThreshold(scheme)) return 'degraded'
  return good >= scheme.k ? 'atRisk' : 'lost'
}

/** Good shards by stripe, each stripe looked up once. */
export class StripeHealth {
  readonly #stripes: StripeReader
  readonly #presence: Presence
  readonly #rows = new Map<string, { readonly row: StripeRow; readonly good: number }>()

  constructor(stripes: StripeReader, presence: Presence) {
    this.#stripes = stripes
    this.#presence = presence
  }

  of(id: Uint8Array): { readonly row: StripeRow; readonly good: number } | undefined {
    const key = toHex(id)
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const row = this.#stripes.stripe(id)
    if (row === undefined) return undefined
    const found = { row, good: goodShards(row, this.#presence) }
    this.#rows.set(key, found)
    return found
  }
}
