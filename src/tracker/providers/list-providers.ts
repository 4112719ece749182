import { peerId } from '../../core/open/hash.ts'
import type { ProviderView } from '../../core/open/protocol/tracker-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingDevice } from '../callers.ts'
import { providerViewOf } from './provider-views.ts'
import type { TrackerState } from '../tracker-state.ts'

/** All providers, for members and providers. */
export function listProviders(
  state: TrackerState,
  _request: Record<never, never>,
  context: Context,
): { providers: ProviderView[] } {
  return state.store.read((tables) => {
    if (tables.providers.provider(peerId(state.primitives, context.peerKey)) === undefined)
      callingDevice(state, tables, context)
    return { providers: tables.providers.providers().map((row) => providerViewOf(state, row)) }
  })
}
