/**
 * Reads from one stripe, whatever its providers do. Invariants:
 * - bytes leave this class only after the blob that they belong to was checked against its id by the caller, or the shard
 *   against its Merkle root here.
 * - a holder that served wrong bytes, or hasn't what it should have, is reported once and not asked again.
 * The cheap way first: byte ranges from the data holder. When that fails or dawdles, k whole shards are fetched, each
 * verified by its id, and the missing ones computed.
 */
import { equalBytes } from '../../core/open/bytes.ts'
import { reconstruct } from '../../core/open/erasure-code.ts'
import {
  AllmendError,
  CancelledError,
  DamagedShardError,
  DeniedError,
  MalformedError,
  NotEnoughShardsError,
  NotFoundError,
  UntrustedError,
} from '../../core/open/errors.ts'
import { shardId } from '../../core/open/merkle.ts'
import { readShard, statShards } from '../../core/open/protocol/provider-methods.ts'
import type { Damage, StripeView } from '../../core/open/protocol/tracker-methods.ts'
import { DAMAGE_MISSING, DAMAGE_WRONG } from '../../core/open/protocol/tracker-methods.ts'
import type { Client } from '../client.ts'
import { findHolders } from '../discovery/find-holders.ts'
import { throwIfCancelled } from '../concurrency.ts'
import type { Pass } from '../providers.ts'
import type { DamageReporter } from './damage-reporter.ts'
import type { Holding } from './holdings.ts'
import { holdingsOf } from './holdings.ts'
import { isTooEarly } from './too-early.ts'

/** A shard of 4 MiB over a slow line; a dead peer is noticed much earlier by the transport. */
const SHARD_TIMEOUT_MS = 60_000
/** A provider that says what it has. */
const STAT_TIMEOUT_MS = 5_000
/** A holder that takes longer than this is raced against others, ms. */
export const HEDGE_MS = 1_500

export interface Range {
  readonly offset: number
  readonly length: number
}

export type PassFor = (provider: Uint8Array, shard: Uint8Array) => Pass | undefined

export class StripeReader {
  readonly view: StripeView
  readonly #client: Client
  readonly #passFor: PassFor
  readonly #damage: DamageReporter
  /** Shards that were fetched or computed whole, verified. */
  readonly #whole = new Map<number, Uint8Array>()
  /** Data shards are all at hand once this is done. */
  #decoding: Promise<void> | undefined
  /** Reads under way: what they stand on must stay in memory. */
  #users = 0
  /** Holders that failed: index and provider; and those of them that proved to be without the right bytes. */
  readonly #failed = new Set<string>()
  readonly #wrong = new Set<string>()
  /** By the tracker's word. */
  readonly #holdings: readonly Holding[]
  /** Holders that were found without the tracker. */
  readonly #found: Holding[] = []
  /** Why holders don't serve without the tracker yet. */
  #tooEarly: AllmendError | undefined

  constructor(client: Client, view: StripeView, passFor: PassFor, damage: DamageReporter) {
    this.#client = client
    this.view = view
    this.#holdings = holdingsOf(view, client.random)
    this.#passFor = passFor
    this.#damage = damage
  }

  /** Bytes that this stripe keeps in memory. */
  get cachedBytes(): number {
    let sum = 0
    for (const shard of this.#whole.values()) sum += shard.length
    return sum
  }

  get isIdle(): boolean {
    return this.#users === 0
  }

  /** Forgets what is kept in memory; only while idle. */
  drop(): void {
    this.#whole.clear()
    this.#decoding = undefined
  }

  /** Whether a holder of this shard is up and didn't just fail. */
  isDirect(index: number): boolean {
    return this.#whole.has(index) || this.#rank(index) < 2
  }

  /**
   * Ranges straight from the shard's holder (`from`), unverified: the caller checks the blobs, and may free `body`, in which they lie.
   */
  async direct(
    index: number,
    ranges: readonly Range[],
    signal?: AbortSignal,
  ): Promise<{ parts: Uint8Array[]; from?: Uint8Array; body?: Uint8Array }> {
    const whole = this.#whole.get(index)
    if (whole !== undefined) return { parts: cut(whole, ranges) }
    const from = this.#holders(index)[0]
    if (from === undefined) throw new NotEnoughShardsError('the holder of this shard is not there', { index })
    const length = ranges.reduce((sum, range) => sum + range.length, 0)
    let body: Uint8Array
    try {
      body = await this.#read(index, from, ranges, signal)
    } catch (error) {
      // A copy that was dropped meanwhile: the others have the shard.
      if (error instanceof NotFoundError && this.#isCopy(index, from))
        return this.direct(index, ranges, signal)
      throw error
    }
    if (body.length !== length) {
      this.blame(index, from)
      throw new UntrustedError('a provider answered with another length than was asked for', {
        provider: from,
      })
    }
    let at = 0
    return { parts: ranges.map((range) => body.subarray(at, (at += range.length))), from, body }
  }

  /** Ranges of a data shard from verified bytes: by fetching and decoding whole shards, leaving out who failed. */
  async decoded(index: number, ranges: readonly Range[], signal?: AbortSignal): Promise<Uint8Array[]> {
    this.#users++
    try {
      this.#decoding ??= this.#decode(signal).catch((error: unknown) => {
        this.#decoding = undefined
        throw error
      })
      await this.#decoding
      return cut(this.#whole.get(index)!, ranges)
    } finally {
      this.#users--
    }
  }

  /** The holder of this shard dawdles: it isn't asked first again for a while. */
  shun(index: number): void {
    const holder = this.#holders(index)[0]
    if (holder !== undefined) this.#client.providers.shun(holder)
  }

  /** Remembers and reports a holder whose bytes were wrong. */
  blame(index: number, provider: Uint8Array): void {
    this.#prove(index, provider, DAMAGE_WRONG)
  }

  #prove(index: number, provider: Uint8Array, what: Damage['what']): void {
    this.#fail(index, provider)
    if (this.#isCopy(index, provider)) {
      if (what === DAMAGE_MISSING) return
    } else this.#wrong.add(this.#key(index, provider))
    this.#damage.report(provider, this.view.stripe.shards[index]![0], what)
  }

  #isCopy(index: number, provider: Uint8Array): boolean {
    return this.#holdings.some(
      (holding) => holding.isCopy && holding.index === index && equalBytes(holding.provider, provider),
    )
  }

  #key(index: number, provider: Uint8Array): string {
    return `${index} ${String.fromCharCode(...provider)}`
  }

  #fail(index: number, provider: Uint8Array): void {
    this.#failed.add(this.#key(index, provider))
  }

  /** Holders of a shard worth asking, the healthier first. */
  #holders(index: number): Uint8Array[] {
    const { providers } = this.#client
    return [...this.#holdings, ...this.#found]
      .filter(({ index: at, provider }) => at === index && !this.#failed.has(this.#key(index, provider)))
      .map(({ provider, up }) => ({ provider, rank: (up ? 0 : 2) + (providers.isShunned(provider) ? 1 : 0) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ provider }) => provider)
  }

  async #read(
    index: number,
    provider: Uint8Array,
    ranges: readonly Range[],
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const [shard, whole] = this.view.stripe.shards[index]!
    const pass = this.#passFor(provider, shard)
    if (pass === undefined)
      throw new NotEnoughShardsError('the tracker gave no ticket for this provider', { provider })
    try {
      const answer = await this.#client.providers.call(
        provider,
        pass,
        readShard,
        { shard, ranges: ranges.map(({ offset, length }) => [offset, length] as const) },
        undefined,
        {
          timeoutMs: SHARD_TIMEOUT_MS,
          expectBodyBytes: ranges.length === 0 ? whole : ranges.reduce((sum, { length }) => sum + length, 0),
          ...(signal === undefined ? {} : { signal }),
        },
      )
      return answer.body
    } catch (error) {
      if (error instanceof CancelledError || !(error instanceof AllmendError)) throw error
      this.#fail(index, provider)
      if (isTooEarly(error)) this.#tooEarly = error
      if (error instanceof NotFoundError) this.#prove(index, provider, DAMAGE_MISSING)
      else if (error instanceof DamagedShardError || error instanceof MalformedError)
        this.#prove(index, provider, DAMAGE_WRONG)
      throw error
    }
  }

  /** Fetches whole shards until k are at hand and computes the missing data shards. */
  async #decode(signal: AbortSignal | undefined): Promise<void> {
    const { k, shards } = this.view.stripe
    // Data shards first: they need no decoding. Each failure brings in the next candidate.
    const candidates = shards
      .map((_, index) => index)
      .filter((index) => !this.#whole.has(index) && this.#holders(index).length > 0)
      .sort((a, b) => this.#rank(a) - this.#rank(b) || a - b)
    const firstError = await this.#fetchEnough(candidates, k, signal)
    if (this.#whole.size < k) await this.#findMore(k, signal)
    if (this.#whole.size < k) throw this.#tooFew(firstError)
    const lost = shards.map((_, index) => index).filter((index) => index < k && !this.#whole.has(index))
    if (lost.length === 0) return
    const lengths = shards.map(([, length]) => length)
    const rebuilt = reconstruct(
      this.view.stripe,
      shards.map((_, index) => this.#whole.get(index)),
      lengths,
      lost,
    )
    for (const [i, index] of lost.entries()) {
      const shard = rebuilt[i]!
      if (!equalBytes(shardId(this.#client.primitives.blake3, shard), shards[index]![0]))
        throw new UntrustedError(
          'a stripe whose shards are each whole decodes to something else: its parity was false from the start',
          { stripe: this.view.id },
        )
      this.#whole.set(index, shard)
    }
  }

  /**
   * Fetches candidates, k - present at a time; each that fails, and each `HEDGE_MS` in which not enough arrived, brings in
   * the next. Returns the first failure.
   */
  async #fetchEnough(candidates: number[], k: number, signal: AbortSignal | undefined): Promise<unknown> {
    let firstError: unknown
    let active = 0
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const stop = new AbortController()
    const cancel = () => stop.abort()
    signal?.addEventListener('abort', cancel, { once: true })
    const start = () => {
      const index = candidates.shift()
      if (index === undefined) {
        if (active === 0) resolve()
        return
      }
      active++
      this.#fetchWhole(index, stop.signal).then(
        (got) => {
          active--
          if (this.#whole.size >= k) resolve()
          else if (!got) start()
          else if (active === 0) start()
        },
        (error: unknown) => {
          active--
          if (error instanceof CancelledError || !(error instanceof AllmendError)) return reject(error)
          firstError ??= error
          start()
        },
      )
    }
    const missing = k - this.#whole.size
    if (missing <= 0) resolve()
    for (let i = 0; i < missing; i++) start()
    const hedge = (async () => {
      for (;;) {
        await this.#client.clock.sleep(HEDGE_MS, stop.signal)
        start()
      }
    })().catch((error: unknown) => {
      if (!(error instanceof CancelledError)) throw error
    })
    try {
      await promise
    } finally {
      stop.abort()
      signal?.removeEventListener('abort', cancel)
      await hedge
    }
    throwIfCancelled(signal)
    return firstError
  }

  /** Looks for the missing shards at others than the known holders, until k are at hand. */
  async #findMore(k: number, signal: AbortSignal | undefined): Promise<void> {
    const { shards } = this.view.stripe
    // With the tracker there, tickets are for the holders that it names.
    const isAway = this.view.holders.some(([index, provider]) => {
      const pass = this.#passFor(provider, shards[index]![0])
      return pass !== undefined && 'offline' in pass
    })
    if (!isAway) return
    const missing = [...shards.keys()].filter((index) => !this.#whole.has(index))
    // Those who say that they have one may not: then all others are asked too.
    for (const enough of [k - this.#whole.size, missing.length]) {
      if (this.#tooEarly !== undefined) return
      const found = await findHolders(
        {
          finder: this.#client.finder,
          id: this.view.id,
          wanted: missing.map((index) => [index, shards[index]![0]] as const),
          enough,
          ask: (provider, wanted, stop) => this.#heldBy(provider, missing, wanted, stop),
        },
        signal,
      )
      this.#found.push(
        ...found.map(([index, provider]) => ({ index, provider, up: true, isCopy: false }) as const),
      )
      await this.#fetchEnough([...new Set(found.map(([index]) => index))], k, signal)
      if (this.#whole.size >= k) return
    }
  }

  /** Which of these shards, at these places, a provider says to have; not what it was asked for in vain already. */
  async #heldBy(
    provider: Uint8Array,
    indices: readonly number[],
    shards: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<readonly boolean[]> {
    const pass = this.#passFor(provider, shards[0]!)
    if (pass === undefined)
      throw new NotEnoughShardsError('there is no ticket for this provider', { provider })
    try {
      const { providers } = this.#client
      const options = { signal, timeoutMs: STAT_TIMEOUT_MS }
      const { value } = await providers.call(provider, pass, statShards, { shards }, undefined, options)
      return value.present.map((is, at) => is && !this.#failed.has(this.#key(indices[at] ?? -1, provider)))
    } catch (error) {
      if (error instanceof AllmendError && isTooEarly(error)) this.#tooEarly = error
      throw error
    }
  }

  /** Up and not shunned first, data before parity. */
  #rank(index: number): number {
    const first = this.#holders(index)[0]
    const held = this.#holdings.find(
      ({ index: at, provider }) => at === index && first !== undefined && equalBytes(provider, first),
    )
    const up = held?.up === true && first !== undefined && !this.#client.providers.isShunned(first)
    return (up ? 0 : 2) + (index < this.view.stripe.k ? 0 : 1)
  }

  async #fetchWhole(index: number, signal: AbortSignal | undefined): Promise<boolean> {
    const [id, length] = this.view.stripe.shards[index]!
    let lastError: unknown
    for (const holder of this.#holders(index)) {
      try {
        const bytes = await this.#read(index, holder, [], signal)
        if (bytes.length === length && equalBytes(shardId(this.#client.primitives.blake3, bytes), id)) {
          this.#whole.set(index, bytes)
          return true
        }
        this.blame(index, holder)
      } catch (error) {
        if (error instanceof CancelledError || !(error instanceof AllmendError)) throw error
        lastError = error
      }
    }
    if (lastError !== undefined) throw lastError
    return false
  }

  /** Exit 6 when bringing providers back would be enough, exit 7 when it would not. */
  #tooFew(cause: unknown): AllmendError {
    if (this.#tooEarly !== undefined) {
      const { wait } = this.#tooEarly.facts
      return new DeniedError(
        `the tracker can't be reached, and providers serve without it only when they have lost it for a while: try again in ${String(wait)} s`,
        { wait: wait ?? 0 },
        { cause: this.#tooEarly },
      )
    }
    const { k, n } = this.view.stripe
    const have = this.#whole.size
    const names = new Set<string>()
    let away = 0
    for (let index = 0; index < n; index++) {
      if (this.#whole.has(index)) continue
      const holders = this.view.holders.filter(([at]) => at === index)
      const back = holders.filter(
        ([, provider, up]) =>
          !this.#wrong.has(this.#key(index, provider)) && (!up || this.#client.providers.isShunned(provider)),
      )
      if (back.length === 0) continue
      away++
      for (const [, provider] of back) names.add(this.#client.providers.nameOf(provider))
    }
    const facts = { have, needed: k, n, damaged: this.#wrong.size }
    if (have + away >= k)
      return new NotEnoughShardsError(
        `${have} of the ${k} shards needed can be read; bringing back ${k - have} of these providers would be enough: ` +
          [...names].sort().join(', '),
        { ...facts, providers: [...names].sort().join(', ') },
        { cause },
      )
    return new UntrustedError(
      `${have} of the ${k} shards needed are whole, ${this.#wrong.size} are damaged or missing at providers that are up, and ` +
        `${away} are at providers that are away: this can't be rebuilt from what the pool has`,
      facts,
      { cause },
    )
  }
}

function cut(shard: Uint8Array, ranges: readonly Range[]): Uint8Array[] {
  return ranges.map(({ offset, length }) => shard.subarray(offset, offset + length))
}
