import { BusyError, UnreachableError } from '../core/open/errors.ts'
import type { Method } from '../core/open/protocol/method.ts'
import type { Clock } from '../ports/clock.ts'
import { call } from '../ports/rpc.ts'
import type { Connection, RequestOptions, Transport } from '../ports/transport.ts'

/** How long a command waits for a tracker that is restarting before it gives up, ms. */
const PATIENCE_MS = 20_000
const RETRY_MS = 250

/**
 * The tracker as the client sees it: one connection that is dialled when needed and again when it broke. Every tracker
 * method is idempotent, so a request whose outcome is unknown is simply sent again.
 */
export class Tracker {
  readonly address: string
  readonly #transport: Transport
  readonly #clock: Clock
  readonly peerId: Uint8Array
  #connection: Promise<Connection> | undefined
  #closed = false

  constructor(transport: Transport, clock: Clock, tracker: { address: string; peerId: Uint8Array }) {
    this.#transport = transport
    this.#clock = clock
    this.address = tracker.address
    this.peerId = tracker.peerId
  }

  async call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options?: RequestOptions,
  ): Promise<Response> {
    const deadline = this.#clock.monotonic() + PATIENCE_MS
    for (;;) {
      try {
        const connection = await this.#connect()
        return (await call(connection, method, request, undefined, options)).value
      } catch (error) {
        // Other errors that time may cure are the caller's to wait for: he knows what for and how long.
        if (!(error instanceof UnreachableError || error instanceof BusyError) || this.#closed) throw error
        if (error instanceof UnreachableError) this.#connection = undefined
        if (this.#clock.monotonic() >= deadline) {
          if (!(error instanceof UnreachableError)) throw error
          throw new UnreachableError(
            `the tracker at ${this.address} can't be reached; nothing was lost: start it and run the command again`,
            { address: this.address },
            { cause: error },
          )
        }
        await this.#clock.sleep(RETRY_MS, options?.signal)
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const connection = await this.#connection?.catch(() => undefined)
    await connection?.close()
  }

  #connect(): Promise<Connection> {
    if (this.#connection === undefined) {
      const dialled = this.#transport.dial(this.address, this.peerId, {})
      this.#connection = dialled
      const forget = () => {
        if (this.#connection === dialled) this.#connection = undefined
      }
      dialled.then((connection) => connection.closed.then(forget), forget)
    }
    return this.#connection
  }
}
