/** Serving shards. Invariant: no byte leaves that its leaf hash doesn't cover; the store verifies, and damage is reported. */
import { DamagedShardError, NotFoundError, UsageError } from '../../core/open/errors.ts'
import { readShard } from '../../core/open/protocol/provider-methods.ts'
import { DAMAGE_MISSING, DAMAGE_WRONG } from '../../core/open/protocol/tracker-methods.ts'
import { MAX_SHARD_BYTES } from '../../core/open/stripes/stripe.ts'
import type { Route } from '../../ports/rpc.ts'
import { route } from '../../ports/rpc.ts'
import type { ShardRange } from '../../ports/shard-store.ts'
import { keepSpace } from './keep-space.ts'
import type { ProviderState } from '../provider-state.ts'
import { requireReadRight } from '../tickets/require-right.ts'

/**
 * Answers with the ranges' bytes. Throws DeniedError without a read ticket or an offline one that counts, UsageError for ranges outside of the shard or of
 * more than a shard's bytes together, NotFoundError, DamagedShardError.
 */
export function readShardRoute(state: ProviderState): Route {
  return route(readShard, async ({ shard, ranges }, { connection, peerKey }) => {
    const right = requireReadRight(state, connection, shard)
    const bounded = boundedRanges(ranges, right.length)
    const wanted = bounded.length > 0 ? bounded : undefined
    if (right.isCopy && state.store.stat(shard) === undefined)
      return { value: {}, body: await readCopy(state, shard, wanted) }
    try {
      const body = await state.store.read(shard, wanted)
      if (right.origin !== undefined) keepSpace(state, shard, right.origin)
      state.hot.served(shard, right.length, body.length, peerKey)
      return { value: {}, body }
    } catch (error) {
      if (error instanceof DamagedShardError) {
        state.damage.add(shard, DAMAGE_WRONG)
        state.events.shardDamaged(shard, 'read')
      }
      // The tracker says that it is here, or it was stored here: else there would be no right.
      if (error instanceof NotFoundError) {
        state.damage.add(shard, DAMAGE_MISSING)
        state.events.shardMissing(shard)
      }
      throw error
    }
  })
}

function readCopy(
  { copies }: ProviderState,
  shard: Uint8Array,
  ranges: readonly ShardRange[] | undefined,
): Promise<Uint8Array> {
  if (copies === undefined) throw new NotFoundError('this provider keeps no copies', { shard: shard.slice() })
  return copies.read(shard, ranges)
}

function boundedRanges(ranges: readonly (readonly [number, number])[], shardLength: number): ShardRange[] {
  let total = 0
  return ranges.map(([offset, length]) => {
    total += length
    if (offset + length > shardLength || total > MAX_SHARD_BYTES)
      throw new UsageError('a range outside of the shard, or more than a shard in all', {
        offset,
        length,
        total,
      })
    return { offset, length }
  })
}
