import { equalBytes } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import type { Genesis } from '../../core/open/objects/identity.ts'
import { genesisCodec, poolIdOf } from '../../core/open/objects/identity.ts'
import type { ProviderRecord } from '../../core/open/objects/provider-record.ts'
import { providerRecordCodec } from '../../core/open/objects/provider-record.ts'
import { signObject } from '../../core/open/objects/signed.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { registerProvider } from '../../core/open/protocol/tracker-methods.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection } from '../../ports/transport.ts'

export interface RegisterOptions {
  readonly primitives: Primitives
  readonly pool: Uint8Array
  /** The net key's 32-byte seed. */
  readonly netSeed: Uint8Array
  readonly record: ProviderRecord
  /** The invite's secret, at the first registration. */
  readonly secret?: Uint8Array
  readonly signal?: AbortSignal
}

/**
 * Makes this provider's record known to the tracker, with the invite's secret for the first time. Returns the pool's genesis,
 * checked against the pool id. Throws UntrustedError when the tracker shows another pool's, and what the tracker throws.
 */
export async function register(tracker: Connection, options: RegisterOptions): Promise<Genesis> {
  const { primitives, pool, netSeed, record, secret, signal } = options
  const signed = signObject(primitives, 'provider', pool, netSeed, providerRecordCodec, record)
  const { value } = await call(
    tracker,
    registerProvider,
    { secret, record: signed },
    undefined,
    signal === undefined ? {} : { signal },
  )
  if (!equalBytes(poolIdOf(primitives, value.genesis), pool))
    throw new UntrustedError('the tracker shows the genesis of another pool')
  return genesisCodec.decode(value.genesis)
}
