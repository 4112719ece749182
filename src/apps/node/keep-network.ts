import { AllmendError } from '../../core/open/errors.ts'
import { exchangeNetwork } from '../../core/open/protocol/network-methods.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection } from '../../ports/transport.ts'
import { networkSelf } from './network-self.ts'
import type { NodeRelay } from './node-relay.ts'
import type { PoolNetwork } from './pool-network.ts'

/** A node that isn't heard of for twice as long counts as gone. */
const EXCHANGE_MS = 60_000
const FIRST_RETRY_MS = 1000

export interface KeepNetworkParts {
  readonly network: PoolNetwork
  readonly relay: NodeRelay
  /** The node's own address at the moment. */
  readonly address: () => string
  readonly dial: (signal: AbortSignal) => Promise<Connection>
  readonly clock: Clock
  readonly logger: Logger
}

/** Tells the tracker how this node is reached, and learns of the others, until `signal` aborts; never throws. */
export async function keepNetwork(parts: KeepNetworkParts, signal: AbortSignal): Promise<void> {
  const { network, relay, address, dial, clock, logger } = parts
  let pause = FIRST_RETRY_MS
  while (!signal.aborted) {
    let connection: Connection | undefined
    try {
      await relay.startIfReachable()
      connection = await dial(signal)
      const self = networkSelf(network, address(), relay)
      const { version: known } = network.book
      const { value } = await call(connection, exchangeNetwork, { known, self }, undefined, { signal })
      await network.book.learn(value)
      pause = EXCHANGE_MS
    } catch (error) {
      if (signal.aborted) return
      const why = error instanceof AllmendError ? error.message : String(error)
      logger.warn({ why }, 'the network of the pool could not be asked for')
      pause = Math.min(2 * pause, EXCHANGE_MS)
    } finally {
      await connection?.close()
    }
    // Ends early when aborted, which the loop sees.
    await clock.sleep(pause, signal).catch(() => undefined)
  }
}
