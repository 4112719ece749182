/** What a provider answers. Every call stands on a ticket for the caller's net key, presented once a connection. */
import { headField } from '../objects/operation.ts'
import { signedOfflineTicketField } from '../objects/offline-ticket.ts'
import { signedTicketField } from '../objects/ticket.ts'
import { id } from '../objects/suite.ts'
import { array, bool, optional, struct, tuple, uint } from '../schema.ts'
import { MAX_SHARD_BYTES, MAX_STRIPE_SHARDS } from '../stripes/stripe.ts'
import { method } from './method.ts'

/** Shards asked about at once. */
export const MAX_STAT_SHARDS = 4_096
/** Ranges read at once: the blobs of a shard. */
export const MAX_READ_RANGES = 4_096
const empty = struct({})

/** Tells the provider what the caller may do; forgotten when it expires or the connection ends. */
export const presentTicket = method(
  100,
  'present-ticket',
  struct({ ticket: [0, signedTicketField] }),
  /** The newest head of the log that the provider has cosigned, where it witnesses: for the caller to hold against his own. */
  struct({ head: [0, optional(headField)] }),
)

/**
 * Stores a shard (the body). Answers after it is durable. Idempotent. A data shard is verified blob by blob and as a
 * whole, a parity shard as a whole.
 */
export const putShard = method(
  101,
  'put-shard',
  struct({
    shard: [0, id],
    /** Place in the stripe: below k is a data shard. */
    index: [1, uint(MAX_STRIPE_SHARDS - 1)],
    k: [2, uint(MAX_STRIPE_SHARDS)],
  }),
  empty,
)

/** Reads byte ranges of a shard, concatenated in the body; no ranges means all of it. */
export const readShard = method(
  102,
  'read-shard',
  struct({
    shard: [0, id],
    ranges: [
      1,
      array(tuple(uint(MAX_SHARD_BYTES), uint(MAX_SHARD_BYTES)) /* offset, length */, MAX_READ_RANGES),
    ],
  }),
  empty,
)

/** Which of these shards are here, whole as far as known. */
export const statShards = method(
  103,
  'stat-shards',
  struct({ shards: [0, array(id, MAX_STAT_SHARDS)] }),
  struct({ present: [0, array(bool(), MAX_STAT_SHARDS)] }),
)

/**
 * Lets the caller read a space's shards while this provider is without its tracker. DeniedError while it isn't, with the fact `wait`:
 * seconds until it would be.
 */
export const presentOfflineTicket = method(
  104,
  'present-offline-ticket',
  struct({ ticket: [0, signedOfflineTicketField] }),
  empty,
)
