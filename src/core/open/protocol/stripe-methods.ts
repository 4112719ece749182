/** Stripes and blobs: methods of a tracker, 40 to 48. */
import { signedOfflineTicketField } from '../objects/offline-ticket.ts'
import { id } from '../objects/suite.ts'
import { signedTicketField } from '../objects/ticket.ts'
import { MAX_PLACEMENT_DRAW_BYTES } from '../placement/placement.ts'
import type { ValueOf } from '../schema.ts'
import { array, bool, bytesUpTo, oneOf, optional, struct, tuple, uint } from '../schema.ts'
import { MAX_COPIES } from '../stripes/copies.ts'
import { MAX_SHARD_BYTES, MAX_STRIPE_SHARDS, stripeField } from '../stripes/stripe.ts'
import { method } from './method.ts'
import { providerView } from './presence-methods.ts'
import { MAX_SPACES } from './space-methods.ts'

const empty = struct({})

/** Which of these blobs need not be sent: known in this space, or sealed by this device, in a stripe that is healthy now. */
export const hasBlobs = method(
  40,
  'has-blobs',
  struct({ space: [0, id], blobs: [1, array(id, 4_096)] }),
  struct({ present: [0, array(bool(), 4_096)] }),
)

export const placementField = struct({
  /** Index in the stripe, provider id. */
  shards: [0, array(tuple(uint(MAX_STRIPE_SHARDS - 1), id), MAX_STRIPE_SHARDS)],
  /** A write ticket per provider. */
  tickets: [1, array(tuple(id, signedTicketField), MAX_STRIPE_SHARDS)],
  /** Too few operators are up: one holds more of the stripe than it should. */
  narrow: [2, bool()],
  /** The draws that placed these shards (docs/spec/placement.md). */
  draws: [3, array(bytesUpTo(MAX_PLACEMENT_DRAW_BYTES), MAX_STRIPE_SHARDS + 1)],
})
export type PlacementAnswer = ValueOf<typeof placementField>

/** Chooses providers for a new stripe's shards (the same ones when asked again) and leases it. */
export const placeStripe = method(
  41,
  'place-stripe',
  struct({ space: [0, id], stripe: [1, stripeField] }),
  placementField,
)

/** Chooses another provider for one shard of a leased stripe; `failed` are not taken. */
export const replaceShard = method(
  42,
  'replace-shard',
  struct({
    stripe: [0, id],
    index: [1, uint(MAX_STRIPE_SHARDS - 1)],
    failed: [2, array(id, 256)],
  }),
  placementField,
)

export const blobPlaceField = tuple(
  id,
  uint(MAX_STRIPE_SHARDS - 1),
  uint(MAX_SHARD_BYTES),
  uint(MAX_SHARD_BYTES),
) /* blob, shard index, offset, length */
export type BlobPlace = ValueOf<typeof blobPlaceField>

/**
 * Reports a stripe's durable shards (index, provider) and its blobs. From the happy threshold on the stripe counts as stored
 * and its blobs as present; may be called again when more shards arrived.
 */
export const sealStripe = method(
  43,
  'seal-stripe',
  struct({
    stripe: [0, id],
    stored: [1, array(tuple(uint(MAX_STRIPE_SHARDS - 1), id), MAX_STRIPE_SHARDS)],
    blobs: [2, array(blobPlaceField, 65_536)],
  }),
  empty,
)

export const stripeView = struct({
  id: [0, id],
  stripe: [1, stripeField],
  /** Holders by shard: index, provider, whether it is up and the shard not known to be damaged. */
  holders: [2, array(tuple(uint(MAX_STRIPE_SHARDS - 1), id, bool()), 4 * MAX_STRIPE_SHARDS)],
  /** Who keeps copies for as long as they are read a lot: index, provider. They count for nothing but reading. */
  copies: [3, optional(array(tuple(uint(MAX_STRIPE_SHARDS - 1), id), MAX_COPIES * MAX_STRIPE_SHARDS))],
})
export type StripeView = ValueOf<typeof stripeView>

/** Where blobs are, their stripes' holders, and read tickets for every holder and copy. Unknown blobs have no place in the answer. */
export const locateBlobs = method(
  44,
  'locate-blobs',
  struct({ space: [0, id], blobs: [1, array(id, 4_096)] }),
  struct({
    stripes: [0, array(stripeView, 4_096)],
    /** Blob, place of its stripe in `stripes`, shard index, offset, length. */
    places: [
      1,
      array(
        tuple(id, uint(4_095), uint(MAX_STRIPE_SHARDS - 1), uint(MAX_SHARD_BYTES), uint(MAX_SHARD_BYTES)),
        4_096,
      ),
    ],
    /** Up to two for each provider: for shards, and for copies. */
    tickets: [2, array(tuple(id, signedTicketField), 2_048)],
    /** Further providers that hold shards: addresses for dialling. */
    providers: [3, array(providerView, 1_024)],
    /** The answer would have grown too large: only so many blobs were looked up, ask again for the rest. */
    looked: [4, optional(uint(4_095))],
  }),
)

/** All committed stripes of a space, a page at a time, with read tickets: for checking. */
export const listStripes = method(
  45,
  'list-stripes',
  struct({ space: [0, id], cursor: [1, optional(id)] }),
  struct({
    stripes: [0, array(stripeView, 1_024)],
    tickets: [1, array(tuple(id, signedTicketField), 1_024)],
    cursor: [2, optional(id)],
  }),
)

export const damageField = struct({
  provider: [0, id],
  shard: [1, id],
  /** Unix milliseconds. */
  found: [2, uint()],
  /** How it showed: wrong bytes, or not there. */
  what: [3, oneOf([0, 1])],
})
export type Damage = ValueOf<typeof damageField>
export const DAMAGE_WRONG = 0
export const DAMAGE_MISSING = 1

export const reportDamage = method(
  46,
  'report-damage',
  struct({ damaged: [0, array(damageField, 256)] }),
  empty,
)

/** Stripes asked about at once. */
export const MAX_DRAWN_STRIPES = 256

/** How stripes of a space were placed: for each, in the order asked, the draw for all of its shards and the newest for each replaced one. */
export const stripeDraws = method(
  47,
  'stripe-draws',
  struct({ space: [0, id], stripes: [1, array(id, MAX_DRAWN_STRIPES)] }),
  struct({
    /** Fewer than asked about where the answer would grow too large; none for a stripe that isn't there. */
    draws: [0, array(array(bytesUpTo(MAX_PLACEMENT_DRAW_BYTES), MAX_STRIPE_SHARDS + 1), MAX_DRAWN_STRIPES)],
  }),
)

/** A ticket for each space whose contents the calling device may read, for providers that have lost this tracker. */
export const offlineTickets = method(
  48,
  'offline-tickets',
  empty,
  struct({ tickets: [0, array(tuple(id, signedOfflineTicketField), MAX_SPACES)] }),
)
