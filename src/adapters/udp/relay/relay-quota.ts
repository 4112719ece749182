/**
 * What a relay passes on for each key, so that none of the pool's members makes a tunnel of it.
 *
 * Invariants:
 * - A relayed connection counts for the keys of both its ends, whichever of them began it.
 * - Bytes are counted after they were passed on (the system forwards them without asking), so a key may go over what it is allowed by what
 *   comes between two looks; it pays for that with time.
 * - Who is over stays refused until LEAST_REFUSED_MS have passed and something is left again: else it would be let in for a second at a time.
 * - What is kept of a key is forgotten once it has no connection and all that it is allowed.
 */
import { BusyError } from '../../../core/open/errors.ts'
import type { WireClock } from '../../wire/clock.ts'

const MB = 1_000_000
const DAY_MS = 24 * 60 * 60_000
const LEAST_REFUSED_MS = 10_000

/** What one key may have passed on. */
export interface RelayLimits {
  /** At a time: each is a peer that is reached, so this is for a provider whom many reach through the relay. */
  readonly connections: number
  /** Bytes a second, on average over a minute. */
  readonly bytesPerSecond: number
  /** Bytes; what was used comes back evenly over 24 hours. */
  readonly bytesPerDay: number
}

/** 100 Mbit/s, more than a home's line, and what a family's photos of a year take. */
export const RELAY_LIMITS: RelayLimits = {
  connections: 16,
  bytesPerSecond: 12.5 * MB,
  bytesPerDay: 64_000 * MB,
}
/** How long the rate may be exceeded by as much again. */
const BURST_MS = 60_000

/** Bytes that may pass: at most `most`, and all of it comes back in `refillMs`. */
class Allowance {
  readonly #most: number
  readonly #perMs: number
  #left: number
  #at: number

  constructor(most: number, refillMs: number, now: number) {
    this.#most = most
    this.#perMs = most / refillMs
    this.#left = most
    this.#at = now
  }

  /** Negative where more passed. */
  left(now: number): number {
    this.#left = Math.min(this.#most, this.#left + (now - this.#at) * this.#perMs)
    this.#at = now
    return this.#left
  }

  take(bytes: number): void {
    this.#left -= bytes
  }

  isFull(now: number): boolean {
    return this.left(now) === this.#most
  }

  /** Ms until something is left. */
  wait(now: number): number {
    return Math.max(0, -this.left(now) / this.#perMs)
  }
}

interface Account {
  readonly minute: Allowance
  readonly day: Allowance
  connections: number
  refusedUntil: number
}

/** Accounts by name; see RelayQuota. */
export type Quota = Pick<RelayQuota, 'refusal' | 'open' | 'close' | 'spend' | 'sweep'>

/** The accounts of one relay, by key (hex) or what else is to have one. */
export class RelayQuota {
  readonly #limits: RelayLimits
  readonly #clock: WireClock
  readonly #whom: string
  readonly #accounts = new Map<string, Account>()

  /** `whom` it has an account for each of, for reasons of refusals. */
  constructor(limits: RelayLimits, clock: WireClock, whom = 'each node') {
    this.#limits = limits
    this.#clock = clock
    this.#whom = whom
  }

  /** Accounts of which something is kept. */
  get size(): number {
    return this.#accounts.size
  }

  /** Why nothing is passed on for this key now; undefined where it is. */
  refusal(key: string): BusyError | undefined {
    const account = this.#accounts.get(key)
    if (account === undefined) return undefined
    const { bytesPerSecond, bytesPerDay } = this.#limits
    const now = this.#clock.now()
    const [minute, day] = [account.minute.wait(now), account.day.wait(now)]
    if (minute > 0 || day > 0) account.refusedUntil = Math.max(account.refusedUntil, now + LEAST_REFUSED_MS)
    const waitMs = Math.max(account.refusedUntil - now, minute, day)
    if (waitMs <= 0) return undefined
    const seconds = Math.ceil(waitMs / 1000)
    const over =
      day > minute
        ? `${Math.round(bytesPerDay / MB)} MB a day`
        : `${(bytesPerSecond / MB).toFixed(1)} MB a second`
    return new BusyError(
      `the relay passes on ${over} for ${this.#whom}, which is used up; again in ${seconds} s`,
      { relayQuota: day > minute ? 'day' : 'rate', seconds },
    )
  }

  /** Counts a connection, until `close`; or says why there may be none. */
  open(key: string): BusyError | undefined {
    const refusal = this.refusal(key)
    if (refusal !== undefined) return refusal
    const { connections, bytesPerSecond, bytesPerDay } = this.#limits
    const now = this.#clock.now()
    const account = this.#accounts.get(key) ?? {
      minute: new Allowance((bytesPerSecond * BURST_MS) / 1000, BURST_MS, now),
      day: new Allowance(bytesPerDay, DAY_MS, now),
      connections: 0,
      refusedUntil: now,
    }
    if (account.connections >= connections)
      return new BusyError(`the relay holds ${connections} connections for ${this.#whom}, which are there`, {
        relayQuota: 'connections',
      })
    account.connections++
    this.#accounts.set(key, account)
    return undefined
  }

  close(key: string): void {
    const account = this.#accounts.get(key)
    if (account !== undefined) account.connections--
  }

  /** Counts what was passed on for a key that has, or had, a connection. */
  spend(key: string, bytes: number): void {
    const account = this.#accounts.get(key)
    account?.minute.take(bytes)
    account?.day.take(bytes)
  }

  /** Forgets whom nothing has to be kept of; to be called now and then. */
  sweep(): void {
    const now = this.#clock.now()
    for (const [key, { connections, minute, day, refusedUntil }] of this.#accounts)
      if (connections === 0 && refusedUntil <= now && minute.isFull(now) && day.isFull(now))
        this.#accounts.delete(key)
  }
}
