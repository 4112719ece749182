import { equalBytes } from '../../core/open/bytes.ts'
import { ConflictError, DeniedError, UntrustedError } from '../../core/open/errors.ts'
import type { SignedCertificate } from '../../core/open/objects/identity.ts'
import { genesisCodec, poolIdOf } from '../../core/open/objects/identity.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import type { Context } from '../../ports/rpc.ts'
import { ENTRY_KIND } from '../../ports/tracker-store-log.ts'
import { addDevice, addMember, verifyNewcomer } from './enrolment.ts'
import type { TrackerState } from '../tracker-state.ts'

const NO_SIGNATURE = new Uint8Array(0)

/**
 * Makes the genesis the pool's and its founder the first admin. Throws DeniedError for a wrong secret, UntrustedError for a
 * genesis that names another log key or other admins, ConflictError when the pool is founded otherwise already.
 */
export function foundPool(
  state: TrackerState,
  request: {
    readonly secret: Uint8Array
    readonly genesis: Uint8Array
    readonly record: Signed
    readonly certificate: SignedCertificate
  },
  context: Context,
): Record<never, never> {
  const { primitives } = state
  // A repeated request comes when the secret may be gone: what was founded with the very same bytes stays so.
  const founded = state.store.read((tables) => [0, 1, 2].map((index) => tables.log.entry(index)?.body))
  if (founded[0] !== undefined) {
    const same = [request.genesis, request.record[0], request.certificate[0]].every((body, i) =>
      equalBytes(body, founded[i]!),
    )
    if (same) return {}
    throw new ConflictError('this pool is founded already')
  }
  if (state.foundingSecret === undefined || !equalBytes(state.foundingSecret, request.secret))
    throw new DeniedError('this is not the founding secret')
  const genesis = genesisCodec.decode(request.genesis)
  if (!equalBytes(genesis.logKey, state.logKey))
    throw new UntrustedError("the genesis names another log key than this tracker's")
  const pool = poolIdOf(primitives, request.genesis)
  const founder = verifyNewcomer(state, pool, request.record, request.certificate, context.peerKey)
  if (genesis.admins.length !== 1 || !equalBytes(genesis.admins[0]!, founder.id))
    throw new UntrustedError('the founder must be the only first admin')
  state.store.write((tables) => {
    tables.log.append(ENTRY_KIND.genesis, state.clock.now(), request.genesis, NO_SIGNATURE)
    addMember(state, tables, founder, request.record)
    addDevice(state, tables, founder.certificate, request.certificate)
  })
  state.events.poolFounded(founder.id)
  state.onFounded(pool)
  return {}
}
