import { equalBytes } from '../../core/open/bytes.ts'
import { ENTRY_KIND } from '../../core/open/log/entry.ts'
import { POLICY, mapPolicy } from '../../core/open/log/map/map-key.ts'
import type { WitnessView } from '../../core/open/protocol/log-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import { requireInsider } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'
import { witnessesOf } from './witnesses.ts'

/** Who witnesses this log, and which operator runs it. */
export function listWitnesses(
  state: TrackerState,
  _request: Record<never, never>,
  context: Context,
): { tracker: Uint8Array; witnesses: WitnessView[] } {
  requireInsider(state, context)
  const { primitives, log } = state
  return state.store.read((tables) => {
    const { witnesses, tracker } = witnessesOf(tables)
    const indexOf = (policy: typeof POLICY.provider | typeof POLICY.providerInvite, of: Uint8Array) =>
      log.newestIndex(mapPolicy(primitives, policy, of))
    return {
      tracker,
      witnesses: witnesses.flatMap(({ provider, operator, key }) => {
        const record = indexOf(POLICY.provider, provider.id)
        const invite = indexOf(POLICY.providerInvite, provider.invite)
        if (record === undefined || invite === undefined) return []
        const entry = tables.log.entry(record)
        const isLogged =
          entry?.kind === ENTRY_KIND.providerRecord && equalBytes(entry.body, provider.record[0])
        return isLogged ? [{ provider: provider.id, operator, key, record, invite }] : []
      }),
    }
  })
}
