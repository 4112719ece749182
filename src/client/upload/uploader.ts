/**
 * Brings sealed blobs into the pool: asks which are there, packs the others into stripes, sends them. Invariants:
 * - a blob is reported stored only after its stripe is sealed at the tracker, or the tracker knew it as healthy.
 * - at most `MAX_STRIPES` stripes are in memory beside the open one: `add` waits.
 * - packing depends on the order of blobs alone, and follows the journal's plans where there are any, so that a resumed put
 *   makes the same shards again.
 */
import { toHex } from '../../core/open/bytes.ts'
import { layoutDataShard } from '../../core/open/stripes/data-shard.ts'
import { CapacityError, NotEnoughProvidersError } from '../../core/open/errors.ts'
import { freeBytes } from '../../core/open/free-bytes.ts'
import type { Packer } from '../../core/open/stripes/packer.ts'
import { createPacker } from '../../core/open/stripes/packer.ts'
import type { BlobPlace, ProviderView } from '../../core/open/protocol/tracker-methods.ts'
import { hasBlobs } from '../../core/open/protocol/tracker-methods.ts'
import { schemeFor } from '../../core/open/stripes/scheme.ts'
import type { Scheme, Stripe } from '../../core/open/stripes/stripe.ts'
import { MAX_SHARD_BYTES, stripeId } from '../../core/open/stripes/stripe.ts'
import type { JournalJob, PlannedStripe } from '../../ports/put-journal.ts'
import type { Client } from '../client.ts'
import { mayReturn, PATIENCE_MS } from '../fetch/patience.ts'
import type { PutParameters, Safety } from '../operations/put-parameters.ts'
import { Semaphore, throwIfCancelled } from '../concurrency.ts'
import type { Space } from '../tree/space.ts'
import type { StripeOutcome } from './stripe-sender.ts'
import { placeable, sendStripe, TARGET_WAIT_MS } from './stripe-sender.ts'
import type { UploadProgress } from './upload-progress.ts'

/** 3 stripes of 24 MiB keep six providers busy while one stripe waits for its slowest disk. */
const MAX_STRIPES = 3
const RETRY_MS = 500
/** A tracker answers for so many blobs at once. */
const MAX_ASKED = 4_096
/** After so long wider stripes are tried again, ms: providers come back, space is freed. */
const ROOM_AGE_MS = 10_000

export interface UploadBlob {
  readonly id: Uint8Array
  /** The uploader's from `add` on: it frees them once they are in a shard. */
  readonly bytes: Uint8Array
  /** Plaintext bytes that it stands for, for the progress. */
  readonly plain: number
  /** Called once, when the blob is safe in the pool. */
  readonly stored: () => void
}

interface Plan {
  readonly plan: PlannedStripe
  readonly blobs: Map<string, UploadBlob>
  readonly wanted: number
}

export class Uploader {
  readonly #client: Client
  readonly #space: Space
  readonly #job: JournalJob
  readonly #progress: UploadProgress
  readonly #signal: AbortSignal | undefined
  readonly #waitMs: number
  readonly #patienceMs: number
  readonly #onWaiting: PutParameters['onWaiting']
  readonly #slots = new Semaphore(MAX_STRIPES)
  /** Blobs under way: who waits for them. */
  readonly #waiting = new Map<string, (() => void)[]>()
  readonly #plans = new Map<string, Plan>()
  readonly #sending = new Set<Promise<void>>()
  #packer: Packer<UploadBlob> | undefined
  #failure: { readonly error: unknown } | undefined
  /** How many providers the tracker found for a stripe when it found too few, for a while. */
  #room = { count: 0, until: Number.NEGATIVE_INFINITY }
  readonly safety: Safety = { survives: Number.POSITIVE_INFINITY, target: 0, missingShards: 0 }

  constructor(
    client: Client,
    space: Space,
    job: JournalJob,
    progress: UploadProgress,
    { signal, waitMs, onWaiting }: Pick<PutParameters, 'signal' | 'waitMs' | 'onWaiting'>,
  ) {
    this.#client = client
    this.#space = space
    this.#job = job
    this.#progress = progress
    this.#signal = signal
    this.#waitMs = waitMs ?? TARGET_WAIT_MS
    this.#patienceMs = waitMs ?? PATIENCE_MS
    this.#onWaiting = onWaiting
    for (const plan of job.planned) {
      const ids = plan.shards.flat()
      const entry: Plan = { plan, blobs: new Map(), wanted: ids.length }
      for (const id of ids) this.#plans.set(toHex(id), entry)
    }
  }

  /** Takes blobs in. Waits while too much is under way; throws what made the upload fail. */
  async add(blobs: readonly UploadBlob[]): Promise<void> {
    const underWay = new Set(blobs.map((blob) => toHex(blob.id)).filter((key) => this.#waiting.has(key)))
    const unknown = blobs.filter((blob) => !underWay.has(toHex(blob.id)))
    const present = await this.has(unknown.map((blob) => blob.id))
    for (const blob of blobs) {
      this.#check()
      const key = toHex(blob.id)
      const known = () => {
        this.#progress.known(blob.plain)
        blob.stored()
      }
      const waiting = this.#waiting.get(key)
      if (waiting !== undefined) {
        waiting.push(known)
        freeBytes(blob.bytes)
        // What was under way and isn't any more was stored in the meantime.
      } else if (present.has(key) || underWay.has(key)) {
        freeBytes(blob.bytes)
        known()
      } else {
        this.#waiting.set(key, [blob.stored])
        await this.#pack(blob, key)
      }
    }
  }

  /** Sends what is left and waits for everything; throws what made the upload fail. */
  async finish(): Promise<void> {
    // Plans that this input no longer fills: their blobs go the ordinary way.
    const partial = new Set(this.#plans.values())
    this.#plans.clear()
    for (const { blobs } of partial) for (const blob of blobs.values()) await this.#packOpen(blob)
    const last = this.#packer?.flush()
    if (last !== undefined) await this.#dispatch(last.shards)
    while (this.#sending.size > 0) {
      await Promise.all(this.#sending)
      this.#check()
    }
    this.#check()
  }

  /** Lets what is under way end without starting more. */
  async abandon(): Promise<void> {
    this.#failure ??= { error: new NotEnoughProvidersError('the upload was given up') }
    await Promise.allSettled(this.#sending)
  }

  #check(): void {
    throwIfCancelled(this.#signal)
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Which of these blobs (ids, in hex) the pool has in stripes that are whole now. */
  async has(blobs: readonly Uint8Array[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>()
    for (let at = 0; at < blobs.length; at += MAX_ASKED) {
      const asked = blobs.slice(at, at + MAX_ASKED)
      const { present } = await this.#client.tracker.call(hasBlobs, { space: this.#space.id, blobs: asked })
      for (const [i, id] of asked.entries()) if (present[i] === true) found.add(toHex(id))
    }
    return found
  }

  async #pack(blob: UploadBlob, key: string): Promise<void> {
    const planned = this.#plans.get(key)
    if (planned === undefined) return this.#packOpen(blob)
    planned.blobs.set(key, blob)
    if (planned.blobs.size < planned.wanted) return
    const shards = planned.plan.shards.map((ids) => ids.map((id) => planned.blobs.get(toHex(id))!))
    for (const id of planned.plan.shards.flat()) this.#plans.delete(toHex(id))
    await this.#dispatch(shards, planned.plan.stripe)
  }

  async #packOpen(blob: UploadBlob): Promise<void> {
    this.#packer ??= createPacker<UploadBlob>((await this.#scheme()).k)
    const full = this.#packer.add(blob)
    if (full !== undefined) await this.#dispatch(full.shards)
  }

  /** The scheme for the providers that are up now; waits a while for more when there are too few. */
  async #scheme(): Promise<Scheme> {
    const { clock } = this.#client
    const started = clock.monotonic()
    for (;;) {
      // Of a full pool the stripe that found it so tells more than the number of providers.
      this.#check()
      const { count, up, known } = await this.#usable()
      const scheme = schemeFor(count)
      if (scheme !== undefined) return scheme
      const waited = clock.monotonic() - started
      if (waited >= this.#waitMs && (waited >= this.#patienceMs || !(await this.#isMoving())))
        throw new NotEnoughProvidersError(
          `only ${up} of ${known} providers are up; storing safely needs at least 3: start providers, then run the ` +
            'same command again: it resumes',
          { up, needed: 3 },
        )
      await clock.sleep(RETRY_MS, this.#signal)
    }
  }

  /** How many providers a stripe may count on: those that are up and have room; in a pool that is almost full, all that are up. */
  async #usable(): Promise<{ count: number; up: number; known: number }> {
    const { clock, providers } = this.#client
    const list = await providers.list()
    const up = list.filter((provider) => provider.up && !providers.isShunned(provider.id))
    const roomy = up.filter(({ capacity, used }) => capacity - used >= MAX_SHARD_BYTES).length
    const most = clock.monotonic() < this.#room.until ? this.#room.count : Number.POSITIVE_INFINITY
    const count = Math.min(schemeFor(roomy) === undefined ? up.length : roomy, most)
    return { count, up: up.length, known: list.length }
  }

  /** Whether too few providers are there for any stripe, and enough of those that aren't were a moment ago: then that is told, too. */
  async #isMoving(): Promise<boolean> {
    const { providers } = this.#client
    const list = await providers.list()
    const isHere = ({ up, id }: ProviderView) => up && !providers.isShunned(id)
    const here = list.filter(isHere)
    const coming = list.filter((provider) => !isHere(provider) && mayReturn(provider, this.#patienceMs))
    if (schemeFor(here.length) !== undefined || schemeFor(here.length + coming.length) === undefined)
      return false
    this.#onWaiting?.({ providers: coming.map(({ name }) => name).sort(), leftMs: this.#patienceMs })
    return true
  }

  /** Waits for a slot, then sends in the background; packs anew when fewer providers are left than it was packed for. */
  async #dispatch(shards: readonly (readonly UploadBlob[])[], planned?: Uint8Array): Promise<void> {
    await this.#slots.acquire()
    let scheme: Scheme
    try {
      this.#check()
      scheme = await this.#scheme()
    } catch (error) {
      this.#slots.release()
      throw error
    }
    if (shards.length > scheme.k) {
      this.#slots.release()
      await this.#repack(shards.flat(), scheme.k)
      return
    }
    const sending = this.#send(shards, scheme.n - scheme.k, planned)
      .finally(() => this.#slots.release())
      .then(async (again) => {
        if (again !== undefined) await this.#repack(again, (await this.#scheme()).k)
      })
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#sending.delete(sending))
    this.#sending.add(sending)
  }

  /** Whether stripes narrower than `width` may get further than one that failed so. */
  async #isWorthNarrowing(error: unknown, width: number): Promise<boolean> {
    if (!(error instanceof NotEnoughProvidersError || error instanceof CapacityError)) return false
    const { clock, providers } = this.#client
    await providers.list(true)
    const room = placeable(error)
    if (room > 0) this.#room = { count: room, until: clock.monotonic() + ROOM_AGE_MS }
    const scheme = schemeFor((await this.#usable()).count)
    return scheme !== undefined && scheme.n < width
  }

  async #repack(blobs: readonly UploadBlob[], k: number): Promise<void> {
    const packer = createPacker<UploadBlob>(k)
    for (const blob of blobs) {
      const full = packer.add(blob)
      if (full !== undefined) await this.#dispatch(full.shards)
    }
    const last = packer.flush()
    if (last !== undefined) await this.#dispatch(last.shards)
  }

  /** Sends one stripe; when only narrower ones can be placed, returns its blobs to be packed anew. */
  async #send(
    blobs: readonly (readonly UploadBlob[])[],
    parity: number,
    planned: Uint8Array | undefined,
  ): Promise<readonly UploadBlob[] | undefined> {
    const { dataPath, primitives } = this.#client
    const scheme = { k: blobs.length, n: blobs.length + parity }
    const places = placesOf(blobs)
    const { shards, ids } = await dataPath.code(blobs, parity)
    const stripe: Stripe = { ...scheme, shards: shards.map((shard, i) => [ids[i]!, shard.length]) }
    const id = stripeId(primitives, stripe)
    const resumed = planned !== undefined && toHex(planned) === toHex(id)
    if (!resumed)
      this.#job.planStripe({ stripe: id, shards: blobs.map((shard) => shard.map((blob) => blob.id)) })

    const plain = blobs.flat().reduce((sum, blob) => sum + blob.plain, 0)
    const total = shards.reduce((sum, shard) => sum + shard.length, 0)
    let sentBytes = 0
    let repeatedBytes = 0
    let sentPlain = 0
    let decodable = 0
    let outcome: StripeOutcome
    try {
      outcome = await sendStripe(
        this.#client,
        {
          space: this.#space.id,
          stripe,
          shards,
          blobs: places,
          resumed,
          waitMs: this.#waitMs,
          patienceMs: this.#patienceMs,
          isMoving: () => this.#isMoving(),
        },
        {
          onSent: (bytes, repeated) => {
            this.#progress.wire += bytes
            this.#progress.repeated += repeated
            sentBytes += bytes
            repeatedBytes += repeated
            const reached = Math.floor(plain * Math.min(1, sentBytes / total))
            this.#progress.add('sent', Math.max(0, reached - sentPlain))
            sentPlain = Math.max(sentPlain, reached)
          },
          onStored: (stored) => {
            if (stored === scheme.k) {
              this.#progress.add('sent', plain - sentPlain)
              sentPlain = plain
              decodable = plain
              this.#progress.add('decodable', plain)
            }
            if (stored === scheme.n) this.#progress.add('atTarget', plain)
          },
        },
        this.#signal,
      )
    } catch (error) {
      throwIfCancelled(this.#signal)
      if (!(await this.#isWorthNarrowing(error, scheme.n))) throw error
      // It goes once more, in stripes of its own.
      this.#progress.repeated += sentBytes - repeatedBytes
      this.#progress.owe('sent', sentPlain)
      this.#progress.owe('decodable', decodable)
      return blobs.flat().map((blob, i) => ({ ...blob, bytes: cutOut(shards, places[i]!) }))
    } finally {
      // Nothing of them is under way any more.
      dataPath.release(shards)
    }
    // One that lacks shards stays planned: a put that resumes sends just those.
    if (outcome.stored === outcome.n) this.#job.sealStripe(id)
    const holders = outcome.holders.map(([index, provider]) => [index, provider, true] as const)
    this.#client.reading.kept?.places.save(this.#space.id, { id, stripe, holders }, places)
    const { safety } = this
    safety.survives = Math.min(safety.survives, outcome.stored - outcome.k)
    safety.target = Math.max(safety.target, outcome.n - outcome.k)
    safety.missingShards += outcome.n - outcome.stored
    for (const blob of blobs.flat()) {
      const key = toHex(blob.id)
      const waiting = this.#waiting.get(key)
      this.#waiting.delete(key)
      for (const report of waiting ?? []) report()
    }
    return undefined
  }
}

function cutOut(shards: readonly Uint8Array[], [, index, offset, length]: BlobPlace): Uint8Array {
  return shards[index]!.slice(offset, offset + length)
}

function placesOf(shards: readonly (readonly UploadBlob[])[]): BlobPlace[] {
  return shards.flatMap((shard, index) => {
    const { offsets } = layoutDataShard(shard.map((blob) => blob.bytes.length))
    return shard.map((blob, i): BlobPlace => [blob.id, index, offsets[i]!, blob.bytes.length])
  })
}
