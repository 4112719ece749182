/**
 * Reads blobs of a space by reference: locates them, asks the data holders for just their ranges, checks each against its id,
 * and falls back to decoding. Invariants:
 * - every plaintext returned is the one that the manifest committed to: id, tag and length were checked.
 * - decoded stripes are kept up to `MAX_CACHED_BYTES`, the oldest go first.
 */
import { toHex } from '../../core/open/bytes.ts'
import { verifyBlob } from '../../core/open/blobs/blob-id.ts'
import { freeBytes } from '../../core/open/free-bytes.ts'
import { AllmendError, CancelledError, NotEnoughShardsError, UntrustedError } from '../../core/open/errors.ts'
import type { BlobRef } from '../../core/secret/blob.ts'
import { openBlob } from '../../core/secret/blob.ts'
import type { Client } from '../client.ts'
import type { Space } from '../tree/space.ts'
import type { BlobAt } from './blob-locator.ts'
import { BlobLocator } from './blob-locator.ts'
import type { Raced } from './hedged.ts'
import { hedgeParts, isLate } from './hedged.ts'
import { Patience, ProvidersAwayError } from './patience.ts'
import { isTooEarly } from './too-early.ts'
import { DamageReporter } from './damage-reporter.ts'
import type { Range } from './ranges.ts'
import type { StripeReader } from './stripe-reader.ts'

/** Decoded stripes kept: a few of 4 data shards of 4 MiB, so that a sequential read decodes each once. */
const MAX_CACHED_BYTES = 64 * 1024 * 1024
interface Wanted {
  readonly ref: BlobRef
  readonly key: string
  readonly location: BlobAt
}

export class BlobReader {
  readonly damage: DamageReporter
  readonly #client: Client
  readonly #locator: BlobLocator
  readonly #patience: Patience

  /** Waits for providers as `patience` has it; without, it doesn't. */
  constructor(client: Client, space: Space, patience = new Patience(client, { waitMs: 0 })) {
    this.#client = client
    this.#patience = patience
    this.damage = new DamageReporter(client.tracker, client.clock)
    this.#locator = new BlobLocator(client, space, this.damage)
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

  /**
   * Adds to `received` the buffers that nothing but this result lies in. Providers that won't serve without the tracker yet have heard of
   * it: it is asked once more. Those that are moving are waited for.
   */
  async #readSealed(
    refs: readonly BlobRef[],
    received: Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<Map<string, Uint8Array>> {
    const ids = refs.map(({ id }) => id)
    for (let isAgain = false; ;)
      try {
        const sealed = await this.#readLocated(refs, received, signal)
        this.#patience.gotOn()
        return sealed
      } catch (error) {
        if (isTooEarly(error) && !isAgain && this.#locator.askAnew(ids)) isAgain = true
        else if (error instanceof ProvidersAwayError && (await this.#patience.wait(error)))
          this.#locator.forgive(ids)
        else throw error
      }
  }

  async #readLocated(
    refs: readonly BlobRef[],
    received: Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<Map<string, Uint8Array>> {
    await this.locate(refs)
    const byShard = new Map<StripeReader, Map<number, Map<string, Wanted>>>()
    for (const ref of refs) {
      const key = toHex(ref.id)
      const location = this.#locator.of(key)
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
      const bytes = [...shards].map(([index, wanted]) => [index, bytesOf(wanted.values())] as const)
      const direct = stripe.isDirect(new Map(bytes))
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
    bodies: Uint8Array[],
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
    const whole = AbortSignal.any(signal === undefined ? [enough.signal] : [signal, enough.signal])
    let received = 0
    const direct = async () => {
      const options = { signal: whole, onReceived: (bytes: number) => (received = bytes) }
      const { parts, from, body } = await stripe.direct(index, ranges, options)
      if (body !== undefined) bodies.push(body)
      try {
        return this.#verify(wanted, parts)
      } catch (error) {
        if (from !== undefined) stripe.blame(from)
        throw error
      }
    }
    const hedged = () => {
      const bytes = bytesOf(unsorted)
      const expectedMs = stripe.expectedMs(index, bytes)
      const cost = () => stripe.decodingBytes
      return this.#hedge(direct(), { expectedMs, bytes, received: () => received, cost }, decoded)
    }
    // Who never answers must not keep its share of the memory for answers.
    const parts = await (tryDirect ? hedged() : decoded()).finally(() => enough.abort())
    for (const [i, { key }] of wanted.entries()) result.set(key, parts[i]!)
  }

  #verify(wanted: readonly Wanted[], parts: readonly Uint8Array[]): readonly Uint8Array[] {
    for (const [i, { ref }] of wanted.entries()) verifyBlob(this.#client.primitives, ref.id, parts[i]!)
    return parts
  }

  /** The direct read, and when it fails or dawdles the other way; the first that succeeds. */
  async #hedge<T>(direct: Promise<T>, raced: Raced, other: () => Promise<T>): Promise<T> {
    const over = new AbortController()
    const late = isLate(hedgeParts(this.#client), raced, over.signal)
    const outcome = direct.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    const first = await Promise.race([outcome, late])
    over.abort()
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

  /** Locates ahead of reading, in one question: saves a round trip a batch. */
  locate(refs: readonly BlobRef[]): Promise<void> {
    return this.#locator.locate(refs.map(({ id }) => id))
  }

  #trim(): void {
    let cached = 0
    for (const stripe of [...this.#locator.stripes].reverse()) {
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
    errors.find(isTooEarly) ??
    errors.find((error) => error instanceof NotEnoughShardsError) ??
    errors[0]
  )
}

function bytesOf(wanted: Iterable<Wanted>): number {
  let sum = 0
  for (const { location } of wanted) sum += location.length
  return sum
}

function getOrSet<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const existing = map.get(key)
  if (existing !== undefined) return existing
  const value = make()
  map.set(key, value)
  return value
}
