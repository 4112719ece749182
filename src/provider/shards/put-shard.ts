/**
 * Taking in a shard. Invariants:
 * - a shard is stored without a look at its blobs only when the ticket says that it is parity: nobody can plant bytes under
 *   another blob's id. What the writer says can make the check stricter, never laxer.
 * - the answer leaves after the store has the shard on stable storage.
 * - no shard is refused for lack of room while there are copies.
 */
import { verifyDataShard } from '../../core/open/stripes/data-shard.ts'
import { CapacityError, DeniedError } from '../../core/open/errors.ts'
import { TICKET_WRITE, TICKET_WRITE_PARITY } from '../../core/open/objects/ticket.ts'
import { putShard } from '../../core/open/protocol/provider-methods.ts'
import type { Route } from '../../ports/rpc.ts'
import { route } from '../../ports/rpc.ts'
import { keepSpace } from './keep-space.ts'
import type { ProviderState } from '../provider-state.ts'
import { requireRight } from '../tickets/require-right.ts'
import type { TicketKind } from '../tickets/ticket-book.ts'
import { withIntake } from './with-intake.ts'

/**
 * Verifies and stores the body. Throws DeniedError without a write ticket for exactly this shard and length,
 * MalformedError or UntrustedError for bytes that aren't what they should be, CapacityError, CancelledError.
 */
export function putShardRoute(state: ProviderState): Route {
  return route(putShard, async ({ shard, index, k }, { connection, signal }, body) => {
    const kinds: readonly TicketKind[] =
      index < k ? [TICKET_WRITE, TICKET_WRITE_PARITY] : [TICKET_WRITE_PARITY, TICKET_WRITE]
    const right = requireRight(state, connection, kinds, shard)
    const isData = index < k || right.kind === TICKET_WRITE
    if (body.length !== right.length)
      throw new DeniedError('the ticket is for another length of this shard', {
        length: body.length,
        expected: right.length,
      })
    await withIntake(state, body.length, signal, async () => {
      try {
        if (isData) verifyDataShard(state.primitives, body)
        // The store compares the whole shard with its id while it computes the leaf hashes that it keeps.
        await state.guard.put(shard, async () => {
          await store(state, shard, body)
          keepSpace(state, shard, right)
        })
      } catch (error) {
        state.events.shardRefused(shard, error)
        throw error
      }
    })
    state.damage.remove(shard)
    await state.copies?.drop([shard])
    state.events.shardStored(shard, body.length)
    return { value: {} }
  })
}

/** What of a lack of room can be helped: by what copies take, which go first, and by garbage. */
async function store(state: ProviderState, shard: Uint8Array, body: Uint8Array): Promise<void> {
  await state.copies?.makeRoom(body.length)
  try {
    return await state.store.put(shard, body)
  } catch (error) {
    if (!(error instanceof CapacityError)) throw error
    // The disk may be full before the capacity is used up.
    if ((await state.copies?.clear()) === true) return store(state, shard, body)
    const { used, live } = state.store.usage()
    if (used - live < body.length) throw error
    const { reclaimedBytes } = await state.store.compact()
    state.events.compacted(reclaimedBytes)
    if (reclaimedBytes === 0) throw error
    await state.store.put(shard, body)
  }
}
