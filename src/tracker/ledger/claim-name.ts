import { equalBytes } from '../../core/open/bytes.ts'
import { ConflictError, DeniedError } from '../../core/open/errors.ts'
import type { claimName as method } from '../../core/open/protocol/log-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingDevice } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

type Request = ReturnType<(typeof method)['request']['decode']>
type Answer = ReturnType<(typeof method)['response']['decode']>

/**
 * Keeps a member's claim of his name until it is on the ledger (`NameRelay`). Its signature is the contract's to check: this side can
 * only delay. Throws DeniedError for a name that isn't the caller's, ConflictError for a claim that is signed for another registry.
 */
export function claimName(state: TrackerState, request: Request, context: Context): Answer {
  const { names, clock, store, ledgerAccess } = state
  const { name, chainId, contract, signature } = request
  const ledger = ledgerAccess()?.ledger
  if (
    ledger !== undefined &&
    (ledger.binding.chainId !== chainId || !equalBytes(ledger.nameContract, contract))
  )
    throw new ConflictError('this claim is signed for another registry than this pool’s')
  const block = store.write((tables) => {
    const { member } = callingDevice(state, tables, context)
    if (tables.members.member(member)?.name !== name)
      throw new DeniedError('a member claims his own name and no other')
    const known = tables.members.nameClaim(member)
    const isRegistered =
      known?.block !== undefined && known.chainId === chainId && equalBytes(known.contract, contract)
    if (isRegistered) return known.block
    const now = clock.now()
    const isSame = known !== undefined && equalBytes(known.signature, signature)
    tables.members.putNameClaim({
      ...request,
      member,
      since: isSame ? known.since : now,
      tryAt: now,
      block: undefined,
      problem: isSame ? known.problem : undefined,
    })
    return undefined
  })
  if (block !== undefined) return { block }
  names.wake()
  return {}
}
