import { SUITE } from '../../core/open/objects/suite.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { Connection, Transport } from '../../ports/transport.ts'
import { register } from '../../provider/reports/register.ts'
import { tokenFailure } from '../node/network/token-failure.ts'
import type { ProviderSettings } from './provider-settings.ts'

export interface PoolAccess {
  dial(signal?: AbortSignal): Promise<Connection>
  /** Registers, with an invite's secret for the first time; returns the log key of the pool's genesis. */
  announce(tracker: Connection, secret?: Uint8Array): Promise<Uint8Array>
}

/** How a provider with these settings reaches its tracker and makes itself known there. */
export function poolAccess(
  primitives: Primitives,
  transport: Transport,
  netSeed: Uint8Array,
  settings: ProviderSettings,
): PoolAccess {
  const { pool, tracker, invite, name, capacity, address, seq, witness, reporter } = settings
  return {
    dial: (signal) => transport.dial(tracker.address, tracker.peerId, signal === undefined ? {} : { signal }),
    async announce(connection, secret) {
      const genesis = await register(connection, {
        primitives,
        pool,
        netSeed,
        record: {
          suite: SUITE,
          net: transport.publicKey,
          invite,
          name,
          address,
          capacity,
          seq,
          witness,
          reporter,
        },
        ...(secret === undefined ? {} : { secret }),
      })
      return genesis.logKey
    },
  }
}

/**
 * Joins with an invite's secret, or goes on without one where the pool took these settings' invite already; returns the pool's
 * log key. Throws UnreachableError that says where the tracker should be, UntrustedError for another that answers there, DeniedError and
 * ConflictError for an invite that it doesn't take.
 */
export async function joinPool(
  access: PoolAccess,
  settings: ProviderSettings,
  secret?: Uint8Array,
): Promise<Uint8Array> {
  const { address } = settings.tracker
  let connection: Connection | undefined
  try {
    connection = await access.dial()
    return await access.announce(connection, secret)
  } catch (error) {
    throw tokenFailure(error, address)
  } finally {
    await connection?.close()
  }
}
