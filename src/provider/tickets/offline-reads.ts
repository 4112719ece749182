/**
 * Reading while the tracker is away. Invariants:
 * - offline tickets count only when no report was answered for `afterMs`, by this provider's own clock, looked at again at every use: as
 *   soon as the tracker is heard of, the tracker decides alone. The time isn't kept on disk: who starts begins to wait anew.
 * - a ticket opens the shards that came here for its space, for reading, on the connection on which it was presented.
 */
import { toHex } from '../../core/open/bytes.ts'
import { DeniedError } from '../../core/open/errors.ts'
import type { OfflineTicket } from '../../core/open/objects/offline-ticket.ts'
import { OFFLINE_AFTER_MS } from '../../core/open/objects/offline-ticket.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ShardSpaces } from '../../ports/shard-spaces.ts'
import type { Connection } from '../../ports/transport.ts'

/** Spaces that one connection reads at a time: the oldest is forgotten. */
const MAX_SPACES_PER_CONNECTION = 64

interface Right {
  readonly space: Uint8Array
  /** Unix seconds. */
  readonly notAfter: number
}

/** What a ticket says of a shard: its space, and the first byte of its stripe's id. */
export interface ShardOrigin {
  readonly space: Uint8Array
  readonly stripe: number
}

export interface OfflineReadsParts {
  readonly clock: Clock
  readonly spaces: ShardSpaces
  readonly afterMs?: number | undefined
}

export class OfflineReads {
  readonly #clock: Clock
  readonly #spaces: ShardSpaces
  readonly #afterMs: number
  readonly #rights = new WeakMap<Connection, Map<string, Right>>()
  #heardAt: number

  constructor({ clock, spaces, afterMs = OFFLINE_AFTER_MS }: OfflineReadsParts) {
    this.#clock = clock
    this.#spaces = spaces
    this.#afterMs = afterMs
    this.#heardAt = clock.monotonic()
  }

  /** The tracker answered a report. */
  heard(): void {
    this.#heardAt = this.#clock.monotonic()
  }

  /** Throws DeniedError while the tracker counts as there, with the seconds until it won't as the fact `wait`. */
  requireAlone(): void {
    const left = this.#heardAt + this.#afterMs - this.#clock.monotonic()
    if (left <= 0) return
    const wait = Math.ceil(left / 1_000)
    throw new DeniedError(
      `this provider was in touch with its tracker a moment ago: without it, it serves from ${wait} s on`,
      { wait },
    )
  }

  /** Takes a verified ticket for this connection. */
  admit(connection: Connection, { space, notAfter }: OfflineTicket): void {
    const rights = this.#rights.get(connection) ?? new Map<string, Right>()
    this.#rights.set(connection, rights)
    const name = toHex(space)
    // Taken out and put back: a Map keeps the order of insertion.
    const known = rights.get(name)
    rights.delete(name)
    rights.set(name, { space, notAfter: Math.max(notAfter, known?.notAfter ?? 0) })
    if (rights.size <= MAX_SPACES_PER_CONNECTION) return
    for (const oldest of rights.keys()) {
      rights.delete(oldest)
      break
    }
  }

  /** Whether an offline ticket was presented on this connection. */
  isKnown(connection: Connection): boolean {
    return this.#rights.has(connection)
  }

  /** Whether a ticket of this connection, of those that `isLive` by their end, opens the shard now; throws DeniedError while none counts. */
  opens(connection: Connection, shard: Uint8Array, isLive: (notAfter: number) => boolean): boolean {
    const rights = this.#rights.get(connection)
    if (rights === undefined) return false
    this.requireAlone()
    return [...rights.values()].some(
      ({ space, notAfter }) => isLive(notAfter) && this.#spaces.has(shard, space),
    )
  }

  /** A shard was stored or read with the tracker's ticket, which names its space and stripe. */
  belongs(shard: Uint8Array, { space, stripe }: ShardOrigin): void {
    this.#spaces.add(shard, space, stripe)
  }

  gone(shards: readonly Uint8Array[]): void {
    this.#spaces.forget(shards)
  }
}
