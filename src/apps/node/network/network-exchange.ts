import { AllmendError } from '../../../core/open/errors.ts'
import { exchangeNetwork } from '../../../core/open/protocol/network-methods.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { Logger } from '../../../ports/logger.ts'
import { call } from '../../../ports/rpc.ts'
import { slept } from '../../../ports/slept.ts'
import type { Connection } from '../../../ports/transport.ts'
import { networkSelf } from './network-self.ts'
import type { NodeRelay } from './node-relay.ts'
import type { PoolNetwork } from './pool-network.ts'

/** A node that isn't heard of for twice as long counts as gone. */
const EXCHANGE_MS = 60_000
const FIRST_RETRY_MS = 1000
/** A tracker that has just learned of a relay doesn't have it wait. */
const LAST_RETRY_MS = 8000
/** Strangers can't make a relay ask more often than that, some hundred bytes each; who has just joined waits for as long before others reach him by it. */
const ASK_AGAIN_MS = 1000

export interface NetworkExchangeParts {
  readonly network: Pick<PoolNetwork, 'book' | 'node' | 'isReachable'>
  readonly relay: Pick<NodeRelay, 'key' | 'startIfReachable'>
  /** The node's own address at the moment. */
  readonly address: () => string
  readonly dial: (signal: AbortSignal) => Promise<Connection>
  readonly clock: Clock
  readonly logger: Logger
}

/** Tells the tracker how this node is reached, and learns of the others, until `signal` aborts. */
export class NetworkExchange {
  readonly #parts: NetworkExchangeParts
  readonly #signal: AbortSignal
  /** Monotonic ms. */
  #askedAt = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined
  #later: Promise<void> | undefined

  constructor(parts: NetworkExchangeParts, signal: AbortSignal) {
    this.#parts = parts
    this.#signal = signal
    // A newcomer's announcement that isn't stored is made again in minutes only: the next ones should be.
    parts.network.book.onStranger = () => this.soon()
  }

  /** Goes on until the signal aborts; never throws. */
  async keep(): Promise<void> {
    const { clock } = this.#parts
    let pause = FIRST_RETRY_MS
    while (!this.#signal.aborted) {
      pause = (await this.#ask()) ? EXCHANGE_MS : Math.min(2 * pause, LAST_RETRY_MS)
      await slept(clock, pause, this.#signal)
    }
  }

  /** Asks for the pool's nodes and keys out of turn, unless that was done a moment ago: whoever isn't known may have just joined. */
  async again(): Promise<void> {
    if (this.#parts.clock.monotonic() - this.#askedAt >= ASK_AGAIN_MS)
      this.#asking = this.#ask().then(() => undefined)
    await this.#asking
  }

  /** Asks as soon as that may be done again, once however often it is called until then. */
  soon(): void {
    if (this.#later === undefined) this.#later = this.#whenDue().finally(() => (this.#later = undefined))
  }

  async #whenDue(): Promise<void> {
    const { clock } = this.#parts
    const wait = this.#askedAt + ASK_AGAIN_MS - clock.monotonic()
    if (wait <= 0 || (await slept(clock, wait, this.#signal))) await this.again()
  }

  async #ask(): Promise<boolean> {
    const { network, relay, address, dial, clock, logger } = this.#parts
    this.#askedAt = clock.monotonic()
    let connection: Connection | undefined
    try {
      await relay.startIfReachable(this.#signal)
      connection = await dial(this.#signal)
      const self = networkSelf(network, address(), relay)
      const { version: known } = network.book
      const { value } = await call(connection, exchangeNetwork, { known, self }, undefined, {
        signal: this.#signal,
      })
      await network.book.learn(value)
      return true
    } catch (error) {
      if (this.#signal.aborted) return false
      const why = error instanceof AllmendError ? error.message : String(error)
      logger.warn({ why }, 'the network of the pool could not be asked for')
      return false
    } finally {
      await connection?.close()
    }
  }
}
