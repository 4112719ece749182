import { equalBytes } from '../../core/open/bytes.ts'
import { ConflictError, DeniedError } from '../../core/open/errors.ts'
import { ledgerBindingCodec } from '../../core/open/objects/ledger-binding.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import type { Context } from '../../ports/rpc.ts'
import { ENTRY_KIND } from '../../ports/tracker-store-log.ts'
import { callingDevice } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** Logs an admin's binding of the pool to the ledger that this tracker anchors in. ConflictError for another one, or a second one. */
export function bindLedger(
  state: TrackerState,
  { binding: signed }: { readonly binding: Signed },
  context: Context,
): Record<never, never> {
  const wanted = ledgerBindingCodec.decode(signed[0])
  const ours = state.ledgerAccess()?.ledger?.binding
  const isOurs =
    ours !== undefined &&
    ours.chainId === wanted.chainId &&
    equalBytes(ours.directory, wanted.directory) &&
    equalBytes(ours.codeHash, wanted.codeHash) &&
    equalBytes(ours.anchor, wanted.anchor)
  if (!isOurs) throw new ConflictError('this is not the ledger that the tracker anchors in')
  return state.store.write((tables) => {
    const device = callingDevice(state, tables, context)
    if (!equalBytes(wanted.member, device.member) || !equalBytes(wanted.device, device.device))
      throw new DeniedError('a binding is handed in by the device that signed it')
    tables.log.append(ENTRY_KIND.ledgerBinding, state.clock.now(), ...signed)
    return {}
  })
}
