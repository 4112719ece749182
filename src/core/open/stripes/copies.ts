/**
 * Copies of shards that are read a lot: bounds by which trackers and providers both go (docs/spec/copies.md). Invariant: a copy is no
 * placement: it is never counted where it is asked how safe data is.
 */

/** Of one shard, beside the shard itself: what a home's line can't serve, four can. */
export const MAX_COPIES = 3
/** At one provider: with shards of 4 MiB, a quarter of a gigabyte. */
export const MAX_COPIES_KEPT = 64
/** Copies take at most this part of what a provider has free: an eighth. */
export const COPIES_SHARE = 8
/** Shards that one report names as read a lot. */
export const MAX_HOT_REPORTED = 4
