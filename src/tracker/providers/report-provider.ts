import { providerRecordCodec } from '../../core/open/objects/provider-record.ts'
import type { Context } from '../../ports/rpc.ts'
import type { CapacityReport } from '../../ports/ledger-providers.ts'
import type { ReportAsk } from '../capacity/capacity-desk.ts'
import { callingProvider } from '../callers.ts'
import type { CopyAsk } from '../copies/copy-directory.ts'
import { spreadHot } from '../copies/spread-hot.ts'
import type { TrackerState } from '../tracker-state.ts'

/** Shards named at once for freeing: in one frame, for which no heartbeat waits on a limited line. */
const MAX_FREE = 1_024

/**
 * A provider's heartbeat: it is up, and this is what it holds. Takes in damage that its scrubbing found and what it freed;
 * answers what it should free, again and again until it confirms, whether the ledger should know its amounts, and which copies of
 * what is read a lot it should keep or drop.
 */
export function reportProvider(
  state: TrackerState,
  request: {
    readonly capacity: number
    readonly used: number
    readonly shards: number
    readonly damaged: readonly (readonly [shard: Uint8Array, what: 0 | 1])[]
    readonly pid?: number | undefined
    readonly freed: readonly Uint8Array[]
    readonly signed?: Omit<CapacityReport, 'id'> | undefined
    readonly hot?: readonly Uint8Array[] | undefined
    readonly copies?: readonly Uint8Array[] | undefined
  },
  context: Context,
): { free: Uint8Array[]; ask?: ReportAsk; copy?: CopyAsk; drop?: Uint8Array[] } {
  const provider = state.store.read((tables) => callingProvider(state, tables, context))
  const { id, record } = provider
  const { capacity, used, shards, pid, hot = [], copies = [] } = request
  const { desk } = state.capacity
  if (request.signed !== undefined) desk.take({ id, ...request.signed })
  state.presence.report(id, context.connection, { capacity, used, shards, pid })
  if (request.damaged.length > 0 || request.freed.length > 0)
    state.store.write(({ stripes }) => {
      const found = state.clock.now()
      for (const [shard, what] of request.damaged) stripes.markDamaged({ provider: id, shard, found, what })
      stripes.confirmFreed(id, request.freed)
    })
  if (request.damaged.length > 0) state.events.shardsDamaged(id, request.damaged.length)
  state.expireLeases()
  const ask = desk.askOf(id, { capacity, used }, () => providerRecordCodec.decode(record[0]).reporter)
  return state.store.read((tables) => {
    const { stripes } = tables
    spreadHot(state, tables, provider, hot)
    const { ask: copy, drop } = state.copies.report(
      id,
      copies,
      (shard) => stripes.stripesWith(shard).length > 0,
    )
    return {
      free: stripes.frees(id, MAX_FREE),
      ...(ask === undefined ? {} : { ask }),
      ...(copy === undefined ? {} : { copy }),
      ...(drop.length === 0 ? {} : { drop }),
    }
  })
}
