import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { AllmendError, UntrustedError } from '../../core/open/errors.ts'
import { id } from '../../core/open/objects/suite.ts'
import type { ProviderView, StripeView } from '../../core/open/protocol/tracker-methods.ts'
import { blobPlaceField, providerView, stripeView } from '../../core/open/protocol/tracker-methods.ts'
import { array, codec, struct } from '../../core/open/schema.ts'
import type { BlobPlace } from '../../core/open/protocol/tracker-methods.ts'
import type { KeptRecords } from './kept-records.ts'

/** Blobs of one stripe. */
const MAX_PLACES = 65_536
const MAX_PLACES_BYTES = 8 * 1024 * 1024
const MAX_PROVIDERS = 1_024

/** A stripe of a space, and where some of its blobs lie in it. */
const placesCodec = codec(
  'kept places',
  struct({ space: [0, id], stripe: [1, stripeView], places: [2, array(blobPlaceField, MAX_PLACES)] }),
  MAX_PLACES_BYTES,
)
const providersCodec = codec(
  'kept providers',
  struct({ providers: [0, array(providerView, MAX_PROVIDERS)] }),
  1024 * 1024,
)

export interface KeptPlace {
  readonly stripe: StripeView
  readonly place: BlobPlace
}

/**
 * Where blobs were when they were stored or read, and how providers were reached: hints, as from the tracker; what is read there is
 * verified against its id.
 */
export class KeptPlaces {
  readonly #records: KeptRecords
  /** The stripe that was loaded last: the blobs of a file lie together. */
  #last:
    | { readonly space: Uint8Array; readonly stripe: StripeView; readonly places: Map<string, BlobPlace> }
    | undefined

  constructor(records: KeptRecords) {
    this.#records = records
  }

  save(space: Uint8Array, stripe: StripeView, places: readonly BlobPlace[]): void {
    const [first, ...others] = places.map(([blob]) => this.#name(space, blob))
    if (first !== undefined)
      this.#records.save([first, ...others], placesCodec.encode({ space, stripe, places }))
  }

  /** Undefined where the blob was never located here. */
  async find(space: Uint8Array, blob: Uint8Array): Promise<KeptPlace | undefined> {
    const key = toHex(blob)
    if (this.#last === undefined || !equalBytes(this.#last.space, space) || !this.#last.places.has(key)) {
      const bytes = await this.#records.load(this.#name(space, blob), { isShared: true })
      if (bytes === undefined) return undefined
      const kept = placesCodec.decode(bytes)
      this.#last = { ...kept, places: new Map(kept.places.map((place) => [toHex(place[0]), place])) }
    }
    const { stripe, places } = this.#last
    const place = places.get(key)
    if (place === undefined || !equalBytes(this.#last.space, space))
      throw new UntrustedError("another record of this home's cache stands in place of a blob's")
    return { stripe, place }
  }

  /** Adds these providers to those that are kept; what is newer replaces what is older. */
  async saveProviders(providers: readonly ProviderView[]): Promise<void> {
    if (providers.length === 0) return
    const all = new Map((await this.#providersOrNone()).map((provider) => [toHex(provider.id), provider]))
    for (const provider of providers) {
      all.delete(toHex(provider.id))
      all.set(toHex(provider.id), provider)
    }
    const newest = [...all.values()].slice(-MAX_PROVIDERS)
    this.#records.save([this.#records.name('providers')], providersCodec.encode({ providers: newest }))
  }

  async providers(): Promise<readonly ProviderView[]> {
    const bytes = await this.#records.load(this.#records.name('providers'))
    return bytes === undefined ? [] : providersCodec.decode(bytes).providers
  }

  /** A damaged record is replaced. */
  async #providersOrNone(): Promise<readonly ProviderView[]> {
    try {
      return await this.providers()
    } catch (error) {
      if (!(error instanceof AllmendError)) throw error
      return []
    }
  }

  #name(space: Uint8Array, blob: Uint8Array): Uint8Array {
    return this.#records.name('place', space, blob)
  }
}
