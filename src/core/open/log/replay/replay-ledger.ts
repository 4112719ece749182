/** The pool's ledger: bound once, by an admin. */
import { equalBytes } from '../../bytes.ts'
import { ConflictError, DeniedError } from '../../errors.ts'
import { genesisCodec } from '../../objects/identity.ts'
import { ledgerBindingCodec } from '../../objects/ledger-binding.ts'
import type { Signed } from '../../objects/signed.ts'
import { openSigned } from '../../objects/signed.ts'
import { POLICY, mapPolicy } from '../map/map-key.ts'
import type { Replay } from './replay.ts'
import { deviceAt } from './replay-members.ts'

const THE_ONE = new Uint8Array(0)

/** Whoever could bind it anew could take every head back that the first ledger holds. */
export function replayLedgerBinding(replay: Replay, signed: Signed): void {
  const { primitives, pool, rows } = replay
  const claimed = ledgerBindingCodec.decode(signed[0])
  const device = deviceAt(replay, claimed.device, claimed.member)
  const { member, chainId } = openSigned(
    primitives,
    'ledger-binding',
    pool,
    device.sign,
    ledgerBindingCodec,
    signed,
  )
  if (!genesisCodec.decode(replay.genesis).admins.some((id) => equalBytes(id, member)))
    throw new DeniedError("only an admin binds the pool's ledger")
  if (rows.get('ledger', THE_ONE) !== undefined) throw new ConflictError('this pool is bound to a ledger')
  rows.put('ledger', THE_ONE, { chainId })
  replay.touch(mapPolicy(primitives, POLICY.ledger))
}
