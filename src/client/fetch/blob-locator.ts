/**
 * Where the blobs of a space are: as the tracker says, with its tickets, or while that is away as it said when they were stored or read
 * last, with the ticket for such times. Invariant: a stripe is what its id says; who holds it is a hint either way.
 */
import { toHex } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { ticketCodec } from '../../core/open/objects/ticket.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import type { BlobPlace, StripeView } from '../../core/open/protocol/tracker-methods.ts'
import { locateBlobs } from '../../core/open/protocol/tracker-methods.ts'
import type { Client } from '../client.ts'
import type { Pass } from '../providers.ts'
import type { Space } from '../tree/space.ts'
import { checkStripeView } from './check-stripe-view.ts'
import type { DamageReporter } from './damage-reporter.ts'
import type { PassFor } from './stripe-reader.ts'
import { StripeReader } from './stripe-reader.ts'

/** A tracker answers for so many blobs at once. */
const MAX_LOCATE = 4_096
/** Locations are asked anew after this, ms: tickets live for 15 minutes. */
const LOCATION_AGE_MS = 10 * 60 * 1_000
/** Remembered locations; a longer read asks again. */
const MAX_LOCATIONS = 100_000

export interface BlobAt {
  readonly stripe: StripeReader
  readonly index: number
  readonly offset: number
  readonly length: number
  /** Monotonic, ms. */
  readonly at: number
  /** From an earlier read: the tracker was away. */
  readonly isKept: boolean
}

type Answer = ReturnType<typeof locateBlobs.response.decode>

export class BlobLocator {
  readonly #client: Client
  readonly #space: Space
  readonly #damage: DamageReporter
  readonly #locations = new Map<string, BlobAt>()
  readonly #stripes = new Map<string, StripeReader>()
  /** Read tickets by provider and shard. */
  readonly #tickets = new Map<string, { readonly ticket: Signed; readonly at: number }>()
  #offline: Pass | undefined

  constructor(client: Client, space: Space, damage: DamageReporter) {
    this.#client = client
    this.#space = space
    this.#damage = damage
  }

  /** Stripes that were met, the oldest first. */
  get stripes(): Iterable<StripeReader> {
    return this.#stripes.values()
  }

  /** Where a blob is, once it was located; its id in hexadecimal. */
  of(blob: string): BlobAt | undefined {
    return this.#locations.get(blob)
  }

  /** Finds out where these blobs are; throws UnreachableError that says what was not kept while the tracker is away. */
  async locate(blobs: Iterable<Uint8Array>): Promise<void> {
    const now = this.#client.clock.monotonic()
    if (this.#locations.size > MAX_LOCATIONS) this.#forgetAll()
    const unknown = new Map<string, Uint8Array>()
    for (const id of blobs) {
      const key = toHex(id)
      const known = this.#locations.get(key)
      if (known === undefined || now - known.at > LOCATION_AGE_MS) unknown.set(key, id)
    }
    const ids = [...unknown.values()]
    for (let at = 0; at < ids.length;) {
      const some = ids.slice(at, at + MAX_LOCATE)
      const online = await this.#client.reading.orAway(() =>
        this.#client.tracker.call(locateBlobs, { space: this.#space.id, blobs: some }),
      )
      if (online === undefined) await this.#locateKept(some, now)
      else this.#take(online.value, now)
      at += online?.value.looked ?? some.length
    }
  }

  /** Where these are will be asked again, and providers that could not be reached, too. */
  forgive(blobs: readonly Uint8Array[]): void {
    for (const id of blobs) {
      this.#locations.get(toHex(id))?.stripe.forgive()
      this.#locations.delete(toHex(id))
    }
  }

  /** Whether the tracker didn't say where these are. Then it is asked once more: it may be back. */
  askAnew(blobs: readonly Uint8Array[]): boolean {
    if (!blobs.some((id) => this.#locations.get(toHex(id))?.isKept === true)) return false
    this.#forgetAll()
    this.#client.reading.back()
    return true
  }

  #take(answer: Answer, at: number): void {
    if (answer.looked === 0) throw new UntrustedError('the tracker looks for blobs without end')
    this.#client.providers.learn(answer.providers)
    for (const [provider, ticket] of answer.tickets)
      for (const [shard] of ticketCodec.decode(ticket[0]).shards)
        this.#tickets.set(toHex(provider) + toHex(shard), { ticket, at })
    const stripes = answer.stripes.map((view) => this.#stripe(view))
    const places = stripes.map((): BlobPlace[] => [])
    for (const [id, place, index, offset, length] of answer.places) {
      const stripe = stripes[place]
      if (stripe === undefined)
        throw new UntrustedError('the tracker gives a blob a place that is none', { blob: id })
      this.#place(stripe, [id, index, offset, length], at, false)
      places[place]!.push([id, index, offset, length])
    }
    const { kept } = this.#client.reading
    if (kept !== undefined)
      for (const [i, { id, stripe, holders }] of answer.stripes.entries())
        // Copies come and go, and none serves without the tracker.
        kept.places.save(this.#space.id, { id, stripe, holders }, places[i]!)
  }

  async #locateKept(blobs: readonly Uint8Array[], at: number): Promise<void> {
    const { reading, providers } = this.#client
    // `orAway` gives up on the tracker only where something is kept.
    const { places, tickets } = reading.kept!
    const ticket = await tickets.of(this.#space.id)
    if (ticket === undefined) throw reading.notKept('a ticket to read this space without it that still holds')
    this.#offline ??= { offline: ticket.signed }
    providers.remember(await places.providers())
    for (const blob of blobs) {
      const found = await places.find(this.#space.id, blob)
      if (found === undefined) throw reading.notKept('where the contents of this file are')
      this.#place(this.#stripe(found.stripe), found.place, at, true)
    }
  }

  #place(stripe: StripeReader, [id, index, offset, length]: BlobPlace, at: number, isKept: boolean): void {
    const { k, shards } = stripe.view.stripe
    const shard = shards[index]
    if (shard === undefined || index >= k || offset + length > shard[1])
      throw new UntrustedError('the tracker gives a blob a place that is none', { blob: id })
    this.#locations.set(toHex(id), { stripe, index, offset, length, at, isKept })
  }

  #stripe(view: StripeView): StripeReader {
    checkStripeView(this.#client.primitives, view)
    const key = toHex(view.id)
    const known = this.#stripes.get(key)
    if (known !== undefined) {
      known.renew(view)
      return known
    }
    const passFor: PassFor = (provider, shard) => this.#passFor(provider, shard)
    const stripe = new StripeReader(this.#client, view, passFor, this.#damage)
    this.#stripes.set(key, stripe)
    return stripe
  }

  #passFor(provider: Uint8Array, shard: Uint8Array): Pass | undefined {
    const known = this.#tickets.get(toHex(provider) + toHex(shard))
    const isFresh = known !== undefined && this.#client.clock.monotonic() - known.at <= LOCATION_AGE_MS
    return isFresh || this.#offline === undefined ? known?.ticket : this.#offline
  }

  #forgetAll(): void {
    this.#locations.clear()
    this.#stripes.clear()
    this.#tickets.clear()
    this.#offline = undefined
  }
}
