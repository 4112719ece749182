import { AllmendError } from '../../core/open/errors.ts'
import type { LogStore } from '../../ports/log-store.ts'
import type { Logger } from '../../ports/logger.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import { openSqliteLogStore } from '../../adapters/sqlite/sqlite-log-store.ts'
import { Witness, witnessSeed } from '../../provider/witness/witness.ts'

export interface OpenWitness {
  readonly witness: Witness
  /** Its public cosigning key. */
  readonly key: Uint8Array
  close(): void
}

/**
 * The witness of a provider's folder, made the first time. A damaged one is told, and this provider goes on without: what it has
 * signed must not be forgotten, so no new one takes its place by itself.
 */
export function openWitness(file: string, pool: Uint8Array, logger: Logger): OpenWitness | undefined {
  let store: LogStore | undefined
  try {
    store = openSqliteLogStore(file)
    const seed = witnessSeed(store, nodeRandom)
    const witness = new Witness(nodePrimitives, store, pool, seed)
    return { witness, key: nodePrimitives.ed25519Public(seed), close: () => store?.close() }
  } catch (error) {
    store?.close()
    if (!(error instanceof AllmendError)) throw error
    logger.error({ code: error.code, why: error.message }, 'this provider does not witness the log')
    return undefined
  }
}
