/**
 * Telling other nodes without the tracker's help that this one is there, and the prefixes of the stripes of which it has shards.
 * Invariants:
 * - topics are bounded by the pool's number of providers (at most 2 ** MAX_PREFIX_BITS, and the fewer ones of an overlap), requests
 *   by topics and time: neither grows with what is stored, nor with how fast that changes.
 * - a topic is announced again in the next round, then anew twice before its record may expire, and withdrawn in the round after nothing under it is held.
 * - after the pool has grown or shrunk past a power of two, both prefixes are announced for a day: readers count providers by older lists.
 */
import { toHex } from '../core/open/bytes.ts'
import { nodesTopic, prefixBits, stripesTopic } from '../core/open/peers/discovery.ts'
import { AllmendError, CancelledError } from '../core/open/errors.ts'
import type { Primitives } from '../core/open/primitives.ts'
import type { Clock } from '../ports/clock.ts'
import type { Discovery } from '../ports/discovery.ts'
import { RENEW_MS } from '../ports/discovery.ts'
import type { Random } from '../ports/random.ts'
import { slept } from '../ports/slept.ts'

/** How soon after it was stored a stripe can be found; and how often one prefix may come and go. */
export const ROUND_MS = 30_000
/** After a round that failed, at first; twice as long after each further one: a node may start before the network is there. */
export const FIRST_RETRY_MS = 2_000
/** How long a former number of bits is announced as well. */
export const OVERLAP_MS = 24 * 3_600_000
/** Numbers of bits at a time: a pool that grows faster loses the oldest. */
const MAX_BITS_AT_ONCE = 3
/** Announcements under way: each sends some ten packets at once. */
const CONCURRENCY = 4

export interface AnnouncingParts {
  readonly primitives: Primitives
  readonly clock: Clock
  readonly random: Random
  readonly discovery: Discovery
  readonly pool: Uint8Array
  /** First bytes of the ids of stripes of which a shard is here. */
  readonly stripes: () => readonly number[]
  /** Admitted providers, this one among them, as far as known; 0 while that isn't known at all. */
  readonly providers: () => number
  readonly onFailure: (error: AllmendError) => void
}

/** Announces until `signal` aborts; never throws for a network or a store that doesn't work. */
export async function keepAnnouncing(parts: AnnouncingParts, signal: AbortSignal): Promise<void> {
  const announcements = new Announcements(parts)
  let pause = ROUND_MS
  let retry = FIRST_RETRY_MS
  do {
    let isDone = false
    try {
      isDone = await announcements.round(signal)
    } catch (error) {
      if (!(error instanceof AllmendError)) throw error
      parts.onFailure(error)
    }
    pause = isDone ? ROUND_MS : Math.min(retry, ROUND_MS)
    retry = isDone ? FIRST_RETRY_MS : 2 * pause
  } while (await slept(parts.clock, pause, signal))
}

interface Announced {
  readonly topic: Uint8Array
  /** Monotonic ms; when to announce it (again). */
  due: number
  /** It was announced once. Nodes that don't know yet that this one belongs to the pool have learned it by the next round. */
  isKnown: boolean
}

/** What this node has announced; a round brings it up to date. */
export class Announcements {
  readonly #parts: AnnouncingParts
  readonly #announced = new Map<string, Announced>()
  /** Numbers of bits in use, the current one last, with the end of each former one (monotonic ms). */
  readonly #bits = new Map<number, number>()
  /** Of the round. */
  #failures = 0

  constructor(parts: AnnouncingParts) {
    this.#parts = parts
  }

  /** Topics that are announced. */
  get size(): number {
    return this.#announced.size
  }

  /** Announces what is new or due, withdraws what is held no longer; false where something failed, which the next round tries. */
  async round(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#parts
    this.#failures = 0
    const wanted = this.#wanted()
    const steps: (() => Promise<void>)[] = []
    for (const [name, { topic }] of this.#announced)
      if (!wanted.has(name)) steps.push(() => this.#withdraw(name, topic, signal))
    for (const [name, topic] of wanted) {
      const entry = this.#announced.get(name) ?? { topic, due: clock.monotonic(), isKnown: false }
      this.#announced.set(name, entry)
      if (entry.due <= clock.monotonic()) steps.push(() => this.#announce(entry, signal))
    }
    const worker = async (): Promise<void> => {
      for (let step = steps.shift(); step !== undefined && !signal.aborted; step = steps.shift()) await step()
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, worker))
    return this.#failures === 0
  }

  #wanted(): Map<string, Uint8Array> {
    const { primitives, pool, stripes, providers } = this.#parts
    const topics = [nodesTopic(primitives, pool)]
    const count = providers()
    if (count > 0) this.#use(prefixBits(count))
    const held = stripes()
    for (const bits of this.#bits.keys())
      for (const prefix of new Set(held.map((byte) => byte >> (8 - bits))))
        topics.push(stripesTopic(primitives, pool, bits, prefix))
    return new Map(topics.map((topic) => [toHex(topic), topic]))
  }

  #use(bits: number): void {
    const now = this.#parts.clock.monotonic()
    const until = now + OVERLAP_MS
    for (const [former, end] of this.#bits) {
      if (former === bits) continue
      if (end === Number.POSITIVE_INFINITY) this.#bits.set(former, until)
      else if (end <= now) this.#bits.delete(former)
    }
    this.#bits.delete(bits)
    this.#bits.set(bits, Number.POSITIVE_INFINITY)
    for (const oldest of this.#bits.keys()) {
      if (this.#bits.size <= MAX_BITS_AT_ONCE) break
      this.#bits.delete(oldest)
    }
  }

  async #announce(entry: Announced, signal: AbortSignal): Promise<void> {
    const { clock, discovery, random } = this.#parts
    await this.#try(async () => {
      await discovery.announce(entry.topic, signal)
      // So that the next round finds it due.
      const pause = entry.isKnown ? RENEW_MS : ROUND_MS / 2
      entry.isKnown = true
      // Between 80 and 120 %: nodes that started together don't go on together.
      entry.due = clock.monotonic() + pause * (0.8 + (0.4 * random.bytes(1)[0]!) / 255)
    })
  }

  async #withdraw(name: string, topic: Uint8Array, signal: AbortSignal): Promise<void> {
    // Whoever can't be reached now forgets it by himself.
    this.#announced.delete(name)
    await this.#try(() => this.#parts.discovery.withdraw(topic, signal))
  }

  async #try(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      if (!(error instanceof AllmendError)) throw error
      if (error instanceof CancelledError) return
      this.#failures++
      this.#parts.onFailure(error)
    }
  }
}
