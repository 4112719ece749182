/**
 * Reads from one stripe, whatever its providers do. Invariants:
 * - bytes leave this class only after the blob that they belong to was checked against its id by the caller, or the shard
 *   against its Merkle root here.
 * - a holder that served wrong bytes, or hasn't what it should have, is reported once and not asked again.
 * The cheap way first: byte ranges from the data holder. When that fails or dawdles, or is known to be much slower, k whole shards are fetched,
 * from where they are expected first, each verified by its id, and the missing ones computed.
 */
import { equalBytes } from '../../core/open/bytes.ts'
import { reconstruct } from '../../core/open/stripes/erasure-code.ts'
import {
  AllmendError,
  CancelledError,
  DamagedShardError,
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
import type { Pass } from '../providers.ts'
import type { Source } from '../transfer/rank-sources.ts'
import { isBetterDecoded, rankSources } from '../transfer/rank-sources.ts'
import type { DamageReporter } from './damage-reporter.ts'
import type { Candidate } from './hedged.ts'
import { fetchEnough, hedgeParts } from './hedged.ts'
import type { Holding } from './holdings.ts'
import { holdingsOf } from './holdings.ts'
import type { Range } from './ranges.ts'
import { bytesIn, cut } from './ranges.ts'
import { isTooEarly, servedLater } from './too-early.ts'
import { tooFewShards } from './too-few-shards.ts'

/** A shard of 4 MiB over a slow line; a dead peer is noticed much earlier by the transport. */
const SHARD_TIMEOUT_MS = 60_000
/** A provider that says what it has. */
const STAT_TIMEOUT_MS = 5_000

export type PassFor = (provider: Uint8Array, shard: Uint8Array) => Pass | undefined

/** How a read is followed. */
export interface ReadOptions {
  readonly signal?: AbortSignal
  /** Bytes that are here. */
  readonly onReceived?: (bytes: number) => void
}

/** Who may have a shard, and when it would be here whole. */
interface Holder extends Source {
  readonly provider: Uint8Array
  /** Where in the stripe he has it: elsewhere than asked for where shards are the same. */
  readonly place: number
}

type Place = Pick<Holder, 'provider' | 'place'>

export class StripeReader {
  #view: StripeView
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
  #holdings: readonly Holding[]
  /** Holders that were found without the tracker. */
  readonly #found: Holding[] = []
  /** Why holders don't serve without the tracker yet. */
  #tooEarly: AllmendError | undefined

  constructor(client: Client, view: StripeView, passFor: PassFor, damage: DamageReporter) {
    this.#client = client
    this.#view = view
    this.#holdings = holdingsOf(view, client.random)
    this.#passFor = passFor
    this.#damage = damage
  }

  get view(): StripeView {
    return this.#view
  }

  /** Takes in who has it by a newer word of the tracker's. */
  renew(view: StripeView): void {
    this.#view = view
    this.#holdings = holdingsOf(view, this.#client.random)
  }

  /** Those that could not be reached are asked again. */
  forgive(): void {
    for (const key of this.#failed) if (!this.#wrong.has(key)) this.#failed.delete(key)
  }

  /** Bytes that this stripe keeps in memory. */
  get cachedBytes(): number {
    return [...this.#whole.values()].reduce((sum, { length }) => sum + length, 0)
  }

  get isIdle(): boolean {
    return this.#users === 0
  }

  /** Forgets what is kept in memory; only while idle. */
  drop(): void {
    this.#whole.clear()
    this.#decoding = undefined
  }

  /**
   * Whether these bytes of data shards, by index, are best asked of their holders: those are there, and not so slow that decoding would be
   * much quicker. With one of them away the others are needed whole anyway: their bytes must not travel twice. Where it is not, what decoding moves beyond
   * these bytes is charged as a hedge.
   */
  isDirect(wanted: ReadonlyMap<number, number>): boolean {
    const indices = [...wanted.keys()].filter((index) => !this.#whole.has(index))
    if (indices.length === 0) return true
    if (this.#decoding !== undefined) return false
    const best = indices.map((index) => this.#equalHolders(index)[0])
    if (!best.every((holder) => holder?.isUp === true && !holder.isShunned)) return false
    const expected = best.map((holder) => this.#expectedMs(holder!.provider, wanted.get(holder!.index)!))
    const directMs = expected.includes(undefined) ? undefined : Math.max(...expected.map((ms = 0) => ms))
    const missing = this.view.stripe.k - this.#whole.size
    const { hedging } = this.#client.providers
    const lineMs = this.#client.providers.lineMs(this.decodingBytes)
    if (!isBetterDecoded(directMs, this.#sources(), missing, lineMs)) return true
    const spare = indices.reduce((left, index) => left - wanted.get(index)!, this.decodingBytes)
    return !hedging.spend(Math.max(0, spare))
  }

  /** How long these bytes of a data shard will take from their holder, ms; undefined where that is not known. */
  expectedMs(index: number, bytes: number): number | undefined {
    const holder = this.#whole.has(index) ? undefined : this.#equalHolders(index)[0]
    return holder === undefined ? undefined : this.#expectedMs(holder.provider, bytes)
  }

  /** Bytes that decoding would still move. */
  get decodingBytes(): number {
    if (this.#decoding !== undefined) return 0
    const { k, shards } = this.view.stripe
    const lengths = shards.map(([, length]) => length)
    return Math.max(0, k - this.#whole.size) * Math.max(...lengths)
  }

  /**
   * Ranges straight from a holder of the shard (`from`), unverified: the caller checks the blobs, and may free `body`, in which they lie.
   */
  async direct(
    index: number,
    ranges: readonly Range[],
    options: ReadOptions = {},
  ): Promise<{ parts: Uint8Array[]; from?: Place; body?: Uint8Array }> {
    const whole = this.#whole.get(index)
    if (whole !== undefined) {
      // It was charged when it was decoded beside what was wanted then.
      this.#client.providers.hedging.refund(bytesIn(ranges))
      return { parts: cut(whole, ranges) }
    }
    const [from] = this.#equalHolders(index)
    if (from === undefined) throw new NotEnoughShardsError('the holder of this shard is not there', { index })
    const length = bytesIn(ranges)
    let body: Uint8Array
    try {
      body = await this.#read(from.place, from.provider, ranges, options)
    } catch (error) {
      // A copy that was dropped meanwhile, or a provider that went: others may have the shard, too.
      const [next] = this.#equalHolders(index)
      const goesOn = error instanceof AllmendError && !(error instanceof CancelledError)
      if (!goesOn || next?.isUp !== true || next.isShunned) throw error
      return this.direct(index, ranges, options)
    }
    if (body.length !== length) {
      this.blame(from)
      throw new UntrustedError('a provider answered with another length than was asked for', {
        provider: from.provider,
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

  /** Remembers and reports a holder whose bytes were wrong. */
  blame({ place, provider }: Place): void {
    this.#prove(place, provider, DAMAGE_WRONG)
  }

  #prove(index: number, provider: Uint8Array, what: Damage['what']): void {
    const [shard] = this.view.stripe.shards[index]!
    this.#fail(index, provider)
    const isCopy = this.#isCopy(index, provider)
    if (isCopy && what === DAMAGE_MISSING) return this.#damage.copyIsGone(provider, shard)
    if (!isCopy) this.#wrong.add(this.#key(index, provider))
    this.#damage.report(provider, shard, what)
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

  /** Who has the bytes of a shard, the best first; equal ones in the order that chance gave them: of whole copies that is everybody. */
  #equalHolders(index: number): Holder[] {
    const idAt = (place: number): Uint8Array => this.view.stripe.shards[place]![0]
    return this.#ranked(index, (place) => equalBytes(idAt(place), idAt(index)))
  }

  /** Holders of a shard in its own place worth asking. */
  #holders(index: number): Holder[] {
    return this.#ranked(index, (place) => place === index)
  }

  #ranked(index: number, has: (place: number) => boolean): Holder[] {
    const { providers } = this.#client
    const [, length] = this.view.stripe.shards[index]!
    return rankSources(
      [...this.#holdings, ...this.#found]
        .filter(({ index: place, provider }) => has(place) && !this.#failed.has(this.#key(place, provider)))
        .map(({ index: place, provider, up }) => ({
          index,
          place,
          provider,
          isData: index < this.view.stripe.k,
          isUp: up,
          isShunned: providers.isDoubtful(provider),
          expectedMs: this.#expectedMs(provider, length),
        })),
    )
  }

  /** The best holder of each shard that isn't here, the best first. */
  #sources(): Holder[] {
    const best = [...this.view.stripe.shards.keys()]
      .filter((index) => !this.#whole.has(index))
      .map((index) => this.#holders(index)[0])
    return rankSources(best.filter((holder) => holder !== undefined))
  }

  #expectedMs(provider: Uint8Array, bytes: number): number | undefined {
    return this.#client.providers.expectedMs(provider, bytes)
  }

  async #read(
    index: number,
    provider: Uint8Array,
    ranges: readonly Range[],
    options: ReadOptions,
  ): Promise<Uint8Array> {
    const [shard, whole] = this.view.stripe.shards[index]!
    const { clock, providers } = this.#client
    const { hedging } = providers
    const bytes = ranges.length === 0 ? whole : bytesIn(ranges)
    const expectedMs = this.#expectedMs(provider, bytes)
    const started = clock.monotonic()
    const pass = this.#passFor(provider, shard)
    if (pass === undefined) {
      this.#fail(index, provider)
      throw new NotEnoughShardsError('the tracker gave no ticket for this provider', { provider })
    }
    try {
      const answer = await providers.call(
        provider,
        pass,
        readShard,
        { shard, ranges: ranges.map(({ offset, length }) => [offset, length] as const) },
        undefined,
        { timeoutMs: SHARD_TIMEOUT_MS, expectBodyBytes: bytes, ...options },
      )
      hedging.earn(answer.body.length)
      hedging.took(expectedMs, clock.monotonic() - started, true)
      return answer.body
    } catch (error) {
      if (error instanceof CancelledError) hedging.took(expectedMs, clock.monotonic() - started, false)
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
    const firstError = await this.#fetch(this.#sources(), k, signal)
    if (this.#whole.size < k) await this.#findMore(k, signal)
    if (this.#whole.size < k) throw this.#tooFew(firstError)
    const lost = [...shards.keys()].filter((index) => index < k && !this.#whole.has(index))
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

  /** Fetches from the first of these, and from the next where one fails or dawdles, until k shards are here. Returns the first failure. */
  #fetch(sources: readonly Holder[], k: number, signal: AbortSignal | undefined): Promise<unknown> {
    const { providers } = this.#client
    const { hedging } = providers
    const lengthOf = ({ index }: Holder) => this.view.stripe.shards[index]![1]
    const missing = k - this.#whole.size
    // Beside those that are enough, one that may have become better: nobody waits for it.
    const explored = sources
      .slice(missing)
      .find((source) => source.isUp && !source.isShunned && providers.peer(source.provider).pace.explore())
    const isExploring = explored !== undefined && hedging.spend(lengthOf(explored))
    const inOrder = isExploring ? [explored, ...sources.filter((source) => source !== explored)] : sources
    const candidates = inOrder.map((source): Candidate => ({
      bytes: lengthOf(source),
      expectedMs: () => this.#expectedMs(source.provider, lengthOf(source)),
      fetch: (stop, onReceived) => this.#fetchWhole(source.index, { signal: stop, onReceived }),
    }))
    const atOnce = Math.max(0, missing) + (isExploring ? 1 : 0)
    return fetchEnough(hedgeParts(this.#client), candidates, atOnce, () => this.#whole.size >= k, signal)
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
      await this.#fetch(this.#sources(), k, signal)
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

  async #fetchWhole(index: number, options: ReadOptions): Promise<boolean> {
    const [id, length] = this.view.stripe.shards[index]!
    let lastError: unknown
    for (const holder of this.#holders(index)) {
      try {
        const bytes = await this.#read(index, holder.provider, [], options)
        if (bytes.length === length && equalBytes(shardId(this.#client.primitives.blake3, bytes), id)) {
          this.#whole.set(index, bytes)
          return true
        }
        this.blame(holder)
      } catch (error) {
        if (error instanceof CancelledError || !(error instanceof AllmendError)) throw error
        lastError = error
      }
    }
    if (lastError !== undefined) throw lastError
    return false
  }

  #tooFew(cause: unknown): AllmendError {
    if (this.#tooEarly !== undefined) return servedLater(this.#tooEarly)
    return tooFewShards(
      {
        view: this.view,
        providers: this.#client.providers,
        has: (index) => this.#whole.has(index),
        isWrong: (index, provider) => this.#wrong.has(this.#key(index, provider)),
        damaged: this.#wrong.size,
      },
      cause,
    )
  }
}
