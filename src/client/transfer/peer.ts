import type { Clock } from '../../ports/clock.ts'
import type { Connection, KnownPeer, RequestOptions } from '../../ports/transport.ts'
import { BULK_BYTES } from '../../ports/transport.ts'
import type { Flow } from './flow.ts'
import type { Dial } from './lanes.ts'
import { Lanes } from './lanes.ts'
import { Pace } from './pace.ts'
import { SendQueue } from './send-queue.ts'
import type { SharedLine } from './shared-line.ts'

/** Requests to one peer: over which connection, in which order, and how well that goes. */
export class Peer {
  readonly pace: Pace
  readonly lanes: Lanes
  readonly queue: SendQueue
  readonly #clock: Clock

  constructor(dial: Dial, clock: Clock, known?: KnownPeer, line?: SharedLine) {
    this.#clock = clock
    this.pace = new Pace(() => clock.monotonic(), known, line)
    this.lanes = new Lanes(dial, clock, this.pace)
    this.queue = new SendQueue(this.pace)
  }

  /** Makes a request with a body of `sent` bytes over the best connection, once `present` has shown what it stands on there. */
  async ask<Answer>(
    sent: number,
    options: RequestOptions = {},
    present: (connection: Connection) => Promise<unknown>,
    request: (connection: Connection, options: RequestOptions) => Promise<Answer>,
  ): Promise<Answer> {
    const received = options.expectBodyBytes ?? 0
    const [flow, bytes] = sent >= received ? [this.pace.up, sent] : [this.pace.down, received]
    if (bytes < BULK_BYTES)
      return this.#over(0, undefined, present, (connection) =>
        this.#timed(() => request(connection, options)),
      )
    let moved = 0
    const move = (total: number): void => {
      const more = Math.min(total, bytes) - moved
      if (more <= 0) return
      moved += more
      flow.moved(more)
    }
    const followed = (event: 'onSent' | 'onReceived'): RequestOptions => ({
      ...options,
      [event]: (total: number) => {
        move(total)
        options[event]?.(total)
      },
    })
    flow.expect(bytes)
    try {
      return await this.#over(bytes, flow, present, async (connection) => {
        flow.begin()
        try {
          const answer = await request(connection, followed(flow === this.pace.up ? 'onSent' : 'onReceived'))
          move(bytes)
          return answer
        } finally {
          flow.end()
        }
      })
    } finally {
      flow.forgo(bytes - moved)
    }
  }

  async #over<Answer>(
    bytes: number,
    flow: Flow | undefined,
    present: (connection: Connection) => Promise<unknown>,
    request: (connection: Connection) => Promise<Answer>,
  ): Promise<Answer> {
    const { connection, done } = await this.lanes.take(bytes, flow)
    try {
      await present(connection)
      return await request(connection)
    } finally {
      done()
    }
  }

  async #timed<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    const started = this.#clock.monotonic()
    const answer = await request()
    this.pace.roundTrip(this.#clock.monotonic() - started)
    return answer
  }

  /** Shows what later requests stand on, so that these needn't wait for it. */
  prepare(present: (connection: Connection) => Promise<unknown>): Promise<void> {
    return this.lanes.prepare(present)
  }

  async close(): Promise<void> {
    await this.lanes.close()
  }
}
