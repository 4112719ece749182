/**
 * Copies of shards that are read a lot: bounds by which trackers and providers both go (docs/spec/copies.md). Invariant: a copy is no
 * placement: it is never counted where it is asked how safe data is.
 */
import { MIN_LINE_RATE } from '../limits/parse-line-rate.ts'

/** Of one shard, beside the shard itself: what a home's line can't serve, four can. */
export const MAX_COPIES = 3
/** At one provider: with shards of 4 MiB, a quarter of a gigabyte. */
export const MAX_COPIES_KEPT = 64
/** Copies take at most this part of what a provider has free: an eighth. */
export const COPIES_SHARE = 8
/** Shards that one report names as read a lot. */
export const MAX_HOT_REPORTED = 4

/** Until a copy's first byte: its holder may be dialled through relays, ms. */
const BEGINS_MS = 30_000
/** Bytes a second that a copy must get on by: what the smallest limit of a line leaves for it beside seven others who read. */
const LEAST_RATE = MIN_LINE_RATE / 8

/** How long fetching a copy of so many bytes may take, ms: 9 minutes for 4 MiB, less than its ticket holds. */
export function copyTimeMs(bytes: number): number {
  return BEGINS_MS + (bytes / LEAST_RATE) * 1_000
}
