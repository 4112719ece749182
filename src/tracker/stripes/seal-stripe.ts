import { compareBytes, concatBytes, equalBytes, toHex } from '../../core/open/bytes.ts'
import { ConflictError, MalformedError } from '../../core/open/errors.ts'
import { encodeCbor } from '../../core/open/schema.ts'
import type { BlobPlace } from '../../core/open/protocol/tracker-methods.ts'
import type { Stripe } from '../../core/open/stripes/stripe.ts'
import { happyThreshold } from '../../core/open/stripes/stripe.ts'
import type { Context } from '../../ports/rpc.ts'
import type { BlobRow } from '../../ports/tracker-store-stripes.ts'
import { HOLDER_GIVEN_UP, HOLDER_STORED } from '../../ports/tracker-store-stripes.ts'
import { callingDevice } from '../callers.ts'
import { ownStripe } from './placing.ts'
import type { TrackerState } from '../tracker-state.ts'

/**
 * Notes which shards are durable where, and the stripe's blobs; from the happy threshold on its blobs may be committed, and it
 * stays by itself when one of them was committed before. Throws ConflictError for a shard that isn't placed there or for other
 * blobs than at first, MalformedError for blobs that don't fit.
 */
export function sealStripe(
  state: TrackerState,
  request: {
    readonly stripe: Uint8Array
    readonly stored: readonly (readonly [index: number, provider: Uint8Array])[]
    readonly blobs: readonly BlobPlace[]
  },
  context: Context,
): Record<never, never> {
  const { stripe: id, stored, blobs } = request
  return state.store.write((tables) => {
    const device = callingDevice(state, tables, context)
    const row = ownStripe(state, tables, device, id)
    const rows = blobRows(row.stripe, blobs)
    const hash = state.primitives.sha256(
      concatBytes(
        ...rows.map(({ blob, index, offset, length }) => encodeCbor([blob, index, offset, length])),
      ),
    )
    if (row.blobsHash === undefined) tables.stripes.addBlobs(id, hash, rows)
    else if (!equalBytes(row.blobsHash, hash))
      throw new ConflictError('this stripe was reported with other blobs before')
    const durable = new Set(
      row.holders.filter((holder) => holder.state === HOLDER_STORED).map(({ index }) => index),
    )
    for (const [index, provider] of stored) {
      const placed = row.holders.some(
        (holder) =>
          holder.index === index && holder.state !== HOLDER_GIVEN_UP && equalBytes(holder.provider, provider),
      )
      if (!placed) throw new ConflictError('this shard is not placed there', { index, provider })
      tables.stripes.putHolder(id, index, provider, HOLDER_STORED)
      durable.add(index)
    }
    if (durable.size >= happyThreshold(row.stripe)) {
      tables.stripes.sealStripe(id)
      // Versions name some of its blobs already, and no commit may follow: it replaces a stripe that isn't whole.
      if (rows.some(({ blob }) => tables.stripes.references(row.space, blob) > 0))
        tables.stripes.commitStripe(id)
    }
    return {}
  })
}

/** The blobs in one order; throws MalformedError unless each lies within its data shard, apart from the others, once. */
function blobRows({ k, shards }: Stripe, blobs: readonly BlobPlace[]): BlobRow[] {
  const rows = blobs
    .map(([blob, index, offset, length]) => ({ blob, index, offset, length }))
    .sort((a, b) => a.index - b.index || a.offset - b.offset || compareBytes(a.blob, b.blob))
  const seen = new Set<string>()
  for (const [i, { blob, index, offset, length }] of rows.entries()) {
    const before = rows[i - 1]
    const from = before !== undefined && before.index === index ? before.offset + before.length : 0
    if (index >= k || length < 1 || offset < from || offset + length > shards[index]![1])
      throw new MalformedError('a blob lies within one data shard, apart from others', {
        index,
        offset,
        length,
      })
    if (seen.has(toHex(blob))) throw new MalformedError('a stripe holds a blob once', { blob })
    seen.add(toHex(blob))
  }
  return rows
}
