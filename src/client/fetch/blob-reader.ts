/**
 * Reads blobs of a space by reference: locates them, asks the data holders for just their ranges, checks each against its id,
 * and falls back to decoding. Invariants:
 * - every plaintext returned is the one that the manifest committed to: id, tag and length were checked.
 * - decoded stripes are kept up to `MAX_CACHED_BYTES`, the oldest go first.
 */
import { toHex } from '../../core/open/bytes.ts'
import { verifyBlob } from '../../core/open/blob-id.ts'
import { freeBytes } from '../../core/open/free-bytes.ts'
import { AllmendError, CancelledError, NotEnoughShardsError, UntrustedError } from '../../core/open/errors.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { ticketCodec } from '../../core/open/objects/ticket.ts'
import type { StripeView } from '../../core/open/protocol/tracker-methods.ts'
import { locateBlobs } from '../../core/open/protocol/tracker-methods.ts'
import type { BlobRef } from '../../core/secret/blob.ts'
import { openBlob } from '../../core/secret/blob.ts'
import type { Client } from '../client.ts'
import type { Space } from '../tree/space.ts'
import { checkStripeView } from './check-stripe-view.ts'
import { DamageReporter } from './damage-reporter.ts'
import type { Range } from './stripe-reader.ts'
import { HEDGE_MS, StripeReader } from './stripe-reader.ts'

/** Decoded stripes kept: a few of 4 data shards of 4 MiB, so that a sequential read decodes each once. */
const MAX_CACHED_BYTES = 64 * 1024 * 1024
/** A tracker answers for so many blobs at once. */
const MAX_LOCATE = 4_096
/** Locations are asked anew after this, ms: tickets live for 15 minutes. */
const LOCATION_AGE_MS = 10 * 60 * 1_000
/** Remembered locations; a longer read asks again. */
const MAX_LOCATIONS = 100_000

interface Location {
  readonly stripe: StripeReader
  readonly index: number
  readonly offset: number
  readonly length: number
  readonly at: number
}

interface Wanted {
  readonly ref: BlobRef
  readonly key: string
  readonly location: Location
}

export class BlobReader {
  readonly damage: DamageReporter
  readonly #client: Client
  readonly #space: Space
  readonly #locations = new Map<string, Location>()
  readonly #stripes = new Map<string, StripeReader>()
  /** Read tickets by provider and shard. */
  readonly #tickets = new Map<string, Signed>()

  constructor(client: Client, space: Space) {
    this.#client = client
    this.#space = space
    this.damage = new DamageReporter(client.tracker, client.clock)
  }

  /**
   * The plaintexts of these blobs, in order. Throws NotEnoughShardsError when bringing providers back would be enough,
   * UntrustedError when the data can't be rebuilt.
   */
  async read(refs: readonly BlobRef[], signal?: AbortSignal): Promise<Uint8Array[]> {
    const received: Uint8Array[] = []
    const sealed = await this.#readSealed(refs, received, signal)
    const plain = refs.map((ref) =>
      openBlob(this.#client.primitives, ref, sealed.get(toHex(ref.id))!, { verified: true }),
    )
    for (const body of received) freeBytes(body)
    return plain
  }

  /** The blobs' own bytes by id in hex, each verified. */
  readSealed(refs: readonly BlobRef[], signal?: AbortSignal): Promise<Map<string, Uint8Array>> {
    return this.#readSealed(refs, [], signal)
  }

  /** Adds to `received` the buffers that nothing but this result lies in. */
  async #readSealed(
    refs: readonly BlobRef[],
    received: Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<Map<string, Uint8Array>> {
    await this.#locate(refs)
    const byShard = new Map<StripeReader, Map<number, Map<string, Wanted>>>()
    for (const ref of refs) {
      const key = toHex(ref.id)
      const location = this.#locations.get(key)
      if (location === undefined)
        throw new UntrustedError('the tracker does not know where a blob of this file is', { blob: ref.id })
      if (location.length !== ref.stored)
        throw new UntrustedError('the tracker gives a blob another length than its manifest', {
          blob: ref.id,
        })
      const shards = getOrSet(byShard, location.stripe, () => new Map<number, Map<string, Wanted>>())
      getOrSet(shards, location.index, () => new Map<string, Wanted>()).set(key, { ref, key, location })
    }
    const result = new Map<string, Uint8Array>()
    const reads: Promise<void>[] = []
    for (const [stripe, shards] of byShard) {
      // With one holder away the others are needed whole anyway: their bytes must not travel twice.
      const direct = [...shards.keys()].every((index) => stripe.isDirect(index))
      for (const [index, wanted] of shards)
        reads.push(this.#readShard(stripe, index, direct, [...wanted.values()], result, received, signal))
    }
    // All are awaited, so that none is left running when one fails; the most telling failure is thrown.
    const failures = (await Promise.allSettled(reads)).filter((read) => read.status === 'rejected')
    if (failures.length > 0) throw worst(failures.map((failure): unknown => failure.reason))
    this.#trim()
    return result
  }

  async #readShard(
    stripe: StripeReader,
    index: number,
    tryDirect: boolean,
    unsorted: readonly Wanted[],
    result: Map<string, Uint8Array>,
    received: Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const wanted = unsorted.toSorted((a, b) => a.location.offset - b.location.offset)
    const ranges = wanted.map(({ location: { offset, length } }): Range => ({ offset, length }))
    const enough = new AbortController()
    const decoded = async () => {
      const parts = await stripe.decoded(index, ranges, signal)
      try {
        return this.#verify(wanted, parts)
      } catch (cause) {
        if (!(cause instanceof AllmendError)) throw cause
        throw new UntrustedError('the tracker gives a blob a place where another is', {}, { cause })
      }
    }
    const direct = async () => {
      const { parts, from, body } = await stripe.direct(
        index,
        ranges,
        signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]),
      )
      if (body !== undefined) received.push(body)
      try {
        return this.#verify(wanted, parts)
      } catch (error) {
        if (from !== undefined) stripe.blame(index, from)
        throw error
      }
    }
    const viaHedge = () =>
      this.#hedge(direct(), () => {
        stripe.shun(index)
        return decoded()
      })
    // Who never answers must not keep its share of the memory for answers.
    const parts = await (tryDirect ? viaHedge() : decoded()).finally(() => enough.abort())
    for (const [i, { key }] of wanted.entries()) result.set(key, parts[i]!)
  }

  #verify(wanted: readonly Wanted[], parts: readonly Uint8Array[]): readonly Uint8Array[] {
    for (const [i, { ref }] of wanted.entries()) verifyBlob(this.#client.primitives, ref.id, parts[i]!)
    return parts
  }

  /** The direct read, and when it fails or dawdles the other way; the first that succeeds. */
  async #hedge<T>(direct: Promise<T>, other: () => Promise<T>): Promise<T> {
    const timer = new AbortController()
    const slow = this.#client.clock.sleep(HEDGE_MS, timer.signal).then(
      () => true,
      () => false,
    )
    const outcome = direct.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    const first = await Promise.race([outcome, slow])
    timer.abort()
    if (typeof first === 'object') {
      if ('value' in first) return first.value
      if (first.error instanceof CancelledError || !(first.error instanceof AllmendError)) throw first.error
      return other()
    }
    const decoded = other()
    decoded.catch(() => undefined)
    const winner = await Promise.any([direct, decoded]).catch(() => undefined)
    return winner ?? decoded
  }

  async #locate(refs: readonly BlobRef[]): Promise<void> {
    const now = this.#client.clock.monotonic()
    if (this.#locations.size > MAX_LOCATIONS) {
      this.#locations.clear()
      this.#stripes.clear()
      this.#tickets.clear()
    }
    const unknown = new Map<string, Uint8Array>()
    for (const { id } of refs) {
      const key = toHex(id)
      const known = this.#locations.get(key)
      if (known === undefined || now - known.at > LOCATION_AGE_MS) unknown.set(key, id)
    }
    const ids = [...unknown.values()]
    for (let at = 0; at < ids.length;) {
      const answer = await this.#client.tracker.call(locateBlobs, {
        space: this.#space.id,
        blobs: ids.slice(at, at + MAX_LOCATE),
      })
      if (answer.looked === 0) throw new UntrustedError('the tracker looks for blobs without end')
      at += answer.looked ?? MAX_LOCATE
      this.#client.providers.learn(answer.providers)
      this.#takeTickets(answer.tickets)
      const stripes = answer.stripes.map((view) => this.#stripe(view))
      for (const [id, place, index, offset, length] of answer.places) {
        const stripe = stripes[place]
        const shard = stripe?.view.stripe.shards[index]
        if (
          stripe === undefined ||
          shard === undefined ||
          index >= stripe.view.stripe.k ||
          offset + length > shard[1]
        )
          throw new UntrustedError('the tracker gives a blob a place that is none', { blob: id })
        this.#locations.set(toHex(id), { stripe, index, offset, length, at: now })
      }
    }
  }

  /** Locates ahead of reading, in one question: saves a round trip a batch. */
  async locate(refs: readonly BlobRef[]): Promise<void> {
    await this.#locate(refs)
  }

  #stripe(view: StripeView): StripeReader {
    checkStripeView(this.#client.primitives, view)
    return getOrSet(
      this.#stripes,
      toHex(view.id),
      () =>
        new StripeReader(
          this.#client,
          view,
          (provider, shard) => this.#tickets.get(toHex(provider) + toHex(shard)),
          this.damage,
        ),
    )
  }

  #takeTickets(tickets: readonly (readonly [Uint8Array, Signed])[]): void {
    for (const [provider, ticket] of tickets)
      for (const [shard] of ticketCodec.decode(ticket[0]).shards)
        this.#tickets.set(toHex(provider) + toHex(shard), ticket)
  }

  #trim(): void {
    let cached = 0
    for (const stripe of [...this.#stripes.values()].reverse()) {
      cached += stripe.cachedBytes
      if (cached > MAX_CACHED_BYTES && stripe.isIdle) stripe.drop()
    }
  }
}

/** The failure that decides what the user is told: data that can't be trusted before what waiting could cure. */
function worst(errors: readonly unknown[]): unknown {
  return (
    errors.find((error) => !(error instanceof AllmendError)) ??
    errors.find((error) => error instanceof UntrustedError) ??
    errors.find((error) => error instanceof NotEnoughShardsError) ??
    errors[0]
  )
}

function getOrSet<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const existing = map.get(key)
  if (existing !== undefined) return existing
  const value = make()
  map.set(key, value)
  return value
}
