import type { RelayOptions, RelayServer } from '../../../adapters/udp/relay/relay-server.ts'
import { orAborted } from '../../../ports/aborted.ts'
import { atMost } from '../at-most.ts'
import type { PoolNetwork } from './pool-network.ts'

const CLOSE_MS = 500

/** The relay that a reachable node is for its pool: begun once the node knows that others reach it. */
export class NodeRelay {
  readonly #network: Pick<PoolNetwork, 'node' | 'isReachable' | 'line'>
  readonly #whom: Pick<RelayOptions, 'admit' | 'askAgain' | 'host'>
  #server: RelayServer | undefined
  #starting: Promise<void> | undefined

  constructor(
    network: Pick<PoolNetwork, 'node' | 'isReachable' | 'line'>,
    whom: Pick<RelayOptions, 'admit' | 'askAgain' | 'host'>,
  ) {
    this.#network = network
    this.#whom = whom
  }

  /** Its raw key; undefined while it isn't one. */
  get key(): Uint8Array | undefined {
    return this.#server?.publicKey
  }

  /** Relayed connections at present. */
  get connections(): number {
    return this.#server?.usage.connections ?? 0
  }

  /** Begins to relay where that is possible by now. Resolves early when `signal` aborts: announcing waits for nodes that are gone. */
  async startIfReachable(signal?: AbortSignal): Promise<void> {
    const node = this.#network.node()
    if (this.#server !== undefined || node === undefined || !this.#network.isReachable()) return
    this.#starting ??= import('../../../adapters/udp/relay/relay-server.ts')
      .then(({ startRelay }) => startRelay(node, { ...this.#whom, line: this.#network.line }))
      .then(
        (server) => {
          this.#server = server
        },
        (error: unknown) => {
          // The next exchange with the tracker tries again.
          this.#starting = undefined
          throw error
        },
      )
    await (signal === undefined ? this.#starting : orAborted(this.#starting, signal))
  }

  /** Ends it; nodes that are gone themselves are not waited for to take its announcement back. */
  async close(): Promise<void> {
    if (this.#starting !== undefined) await atMost(CLOSE_MS, this.#starting)
    if (this.#server !== undefined) await atMost(CLOSE_MS, this.#server.close())
  }
}
