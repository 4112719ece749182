import { compareBytes } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import type { StripeView } from '../../core/open/protocol/tracker-methods.ts'
import { listStripes } from '../../core/open/protocol/tracker-methods.ts'
import type { Client } from '../client.ts'
import { checkStripeView } from './check-stripe-view.ts'

export interface StripePage {
  readonly stripes: readonly StripeView[]
  /** By provider. */
  readonly tickets: readonly (readonly [provider: Uint8Array, ticket: Signed])[]
}

/** The committed stripes of a space by id, page after page; throws UntrustedError for a list that is out of order or has no end. */
export async function* listedStripes(client: Client, space: Uint8Array): AsyncGenerator<StripePage> {
  let cursor: Uint8Array | undefined
  let last: Uint8Array | undefined
  do {
    const page = await client.tracker.call(listStripes, { space, cursor })
    for (const view of page.stripes) {
      if (last !== undefined && compareBytes(view.id, last) <= 0)
        throw new UntrustedError('the tracker lists stripes out of order or without end')
      checkStripeView(client.primitives, view)
      last = view.id
    }
    if (page.cursor !== undefined && page.stripes.length === 0)
      throw new UntrustedError('the tracker serves empty pages without end')
    yield page
    cursor = page.cursor
  } while (cursor !== undefined)
}
