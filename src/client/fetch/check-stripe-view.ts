import { equalBytes } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { StripeView } from '../../core/open/protocol/tracker-methods.ts'
import { stripeId } from '../../core/open/stripes/stripe.ts'

/**
 * Throws UntrustedError unless the stripe is the one that its id names, could be coded, and its holders hold shards of it; who
 * they are stays the tracker's word.
 */
export function checkStripeView(primitives: Primitives, view: StripeView): void {
  const { k, n, shards } = view.stripe
  const sound =
    k >= 1 &&
    n >= k &&
    shards.length === n &&
    equalBytes(stripeId(primitives, view.stripe), view.id) &&
    view.holders.every(([index]) => index < n) &&
    (view.copies ?? []).every(([index]) => index < n)
  if (!sound)
    throw new UntrustedError('the tracker describes a stripe that is not what its id says', {
      stripe: view.id,
    })
}
