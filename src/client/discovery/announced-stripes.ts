/**
 * Finds who may hold a stripe by what providers announce. Invariants:
 * - only admitted providers are named, by the hash of the key that announced: strangers cost a comparison.
 * - nothing that others say keeps an admitted provider from being named: who isn't announced comes later, who disappoints last.
 */
import { toHex } from '../../core/open/bytes.ts'
import { MAX_PREFIX_BITS, prefixBits, prefixOf, stripesTopic } from '../../core/open/peers/discovery.ts'
import { peerId } from '../../core/open/hash.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { throwIfCancelled } from '../concurrency.ts'
import type { Discovery } from '../../ports/discovery.ts'
import type { StripeFinder } from '../../ports/stripe-finder.ts'

/** Announced and asked in vain so often without ever having held: an honest one that holds an eighth of its prefixes' stripes gets here
 * once in three times, and pays by being asked later. */
const MISSES_TO_DISTRUST = 8
/** Then both counts are halved: what was long ago weighs less. */
const MAX_COUNT = 64

interface Record {
  hits: number
  misses: number
}

export interface AnnouncedStripesParts {
  readonly primitives: Primitives
  /** Absent where nothing can be looked up: then all providers are named. */
  readonly discovery?: Discovery | undefined
  readonly pool: Uint8Array
  /** Ids of the pool's admitted providers as last known. */
  readonly providers: () => readonly Uint8Array[]
}

export class AnnouncedStripes implements StripeFinder {
  readonly #parts: AnnouncedStripesParts
  /** Of admitted providers that were announced; bounded by their list. */
  readonly #records = new Map<string, Record>()

  constructor(parts: AnnouncedStripesParts) {
    this.#parts = parts
  }

  async *find(stripe: Uint8Array, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const rest = new Map(this.#parts.providers().map((id) => [toHex(id), id]))
    for (const name of this.#records.keys()) if (!rest.has(name)) this.#records.delete(name)
    const bits = prefixBits(rest.size)
    throwIfCancelled(signal)
    // Providers count by a newer list, or announce a former number of bits for a while.
    for (const step of [[bits], [bits - 1, bits + 1]]) {
      const announced = await this.#announced(step, stripe, signal)
      for (const name of this.#likeliestFirst(announced)) {
        const id = rest.get(name)
        if (id === undefined || this.#isDistrusted(name)) continue
        rest.delete(name)
        yield id
      }
    }
    const [later, last] = [[] as string[], [] as string[]]
    for (const name of rest.keys()) (this.#isDistrusted(name) ? last : later).push(name)
    for (const name of [...this.#likeliestFirst(later), ...this.#likeliestFirst(last)]) yield rest.get(name)!
  }

  /** A miss counts only against who was announced: of others nobody said that they hold anything. */
  judge(provider: Uint8Array, held: boolean): void {
    const record = this.#records.get(toHex(provider))
    if (record === undefined) return
    if (held) record.hits++
    else record.misses++
    if (record.hits + record.misses < MAX_COUNT) return
    record.hits >>= 1
    record.misses >>= 1
  }

  /** Names of those said to have announced the stripe's prefix of one of these lengths, each once. */
  async #announced(
    lengths: readonly number[],
    stripe: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<string[]> {
    const { primitives, discovery, pool, providers } = this.#parts
    if (discovery === undefined) return []
    const topics = lengths
      .filter((bits) => bits >= 0 && bits <= MAX_PREFIX_BITS)
      .map((bits) => stripesTopic(primitives, pool, bits, prefixOf(stripe, bits)))
    const keys = await Promise.all(topics.map((topic) => discovery.lookup(topic, signal)))
    const names = new Set(keys.flat().map((key) => toHex(peerId(primitives, key))))
    const admitted = new Set(providers().map(toHex))
    for (const name of names)
      if (!admitted.has(name)) names.delete(name)
      else if (!this.#records.has(name)) this.#records.set(name, { hits: 0, misses: 0 })
    return [...names]
  }

  #likeliestFirst(names: string[]): string[] {
    return names.sort((a, b) => this.#score(b) - this.#score(a))
  }

  #score(name: string): number {
    const { hits, misses } = this.#records.get(name) ?? { hits: 0, misses: 0 }
    return (hits + 1) / (hits + misses + 2)
  }

  #isDistrusted(name: string): boolean {
    const record = this.#records.get(name)
    return record !== undefined && record.hits === 0 && record.misses >= MISSES_TO_DISTRUST
  }
}
