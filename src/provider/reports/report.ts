import { toHex } from '../../core/open/bytes.ts'
import { MAX_HOT_REPORTED } from '../../core/open/stripes/copies.ts'
import { reportProvider } from '../../core/open/protocol/tracker-methods.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection } from '../../ports/transport.ts'
import { firstOf } from '../first-of.ts'
import { freeShards } from '../shards/free-shards.ts'
import type { LedgerReports } from './ledger-reports.ts'
import type { ProviderState } from '../provider-state.ts'

/** What one report may carry; the rest goes with the next. It fits into one frame, which no limited line keeps waiting behind shards. */
const MAX_REPORTED_DAMAGE = 512
const MAX_REPORTED_FREED = 1_024
/** A tracker that takes longer counts as gone. */
const REPORT_TIMEOUT_MS = 3_000

/**
 * Tells the tracker once that this provider is up, what it holds, what is damaged and what it freed; then frees what the
 * answer names, signs what it asks for, and fetches or drops copies. Damage and confirmations stay queued until a report is answered.
 * Throws what the call throws.
 */
export async function report(
  state: ProviderState,
  tracker: Connection,
  pid: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const damaged = state.damage.pending(MAX_REPORTED_DAMAGE)
  const freed = firstOf(state.freed.values(), MAX_REPORTED_FREED)
  await state.copies?.cool()
  const hot = state.hot.hottest(MAX_HOT_REPORTED)
  const copies = state.copies?.shards ?? []
  const { capacity, used, shards } = state.store.usage()
  const signed = state.ledger?.pending()
  state.guard.reporting()
  const { value } = await call(
    tracker,
    reportProvider,
    {
      capacity,
      used,
      shards,
      damaged,
      pid,
      freed,
      signed,
      ...(hot.length === 0 ? {} : { hot }),
      ...(copies.length === 0 ? {} : { copies }),
    },
    undefined,
    { signal, timeoutMs: REPORT_TIMEOUT_MS },
  )
  state.offline.heard()
  state.damage.acknowledge(damaged)
  state.ledger?.acknowledge(signed)
  state.hot.told(hot)
  for (const shard of freed) state.freed.delete(toHex(shard))
  if (value.ask !== undefined) await sign(state, value.ask, { capacity, used })
  await state.copies?.drop(value.drop ?? [])
  if (value.copy !== undefined) state.copies?.fetch(value.copy, signal)
  try {
    await freeShards(state, value.free)
  } catch (error) {
    // Not confirmed, so the tracker names them again; the heartbeat must go on.
    state.events.freeFailed(value.free.length, error)
  }
}

/** A report that can't be signed is asked for again. */
async function sign(
  { ledger, events }: ProviderState,
  ask: Parameters<LedgerReports['answer']>[0],
  amounts: Parameters<LedgerReports['answer']>[1],
): Promise<void> {
  try {
    await ledger?.answer(ask, amounts)
  } catch (error) {
    events.signFailed(error)
  }
}
