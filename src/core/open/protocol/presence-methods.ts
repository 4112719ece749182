/** Providers as a tracker knows them: methods of a tracker, 20 to 23. What a provider answers itself: `provider-methods.ts`. */
import { signedProviderInviteField, signedProviderRecordField } from '../objects/provider-record.ts'
import { id, publicKey } from '../objects/suite.ts'
import { signedTicketField } from '../objects/ticket.ts'
import { MAX_WEIGHT } from '../placement/weight-tree.ts'
import type { ValueOf } from '../schema.ts'
import { array, bool, bytes, bytesUpTo, oneOf, optional, struct, text, tuple, uint } from '../schema.ts'
import { MAX_COPIES_KEPT, MAX_HOT_REPORTED } from '../stripes/copies.ts'
import { method } from './method.ts'

const empty = struct({})

export const inviteProvider = method(
  20,
  'invite-provider',
  struct({ invite: [0, signedProviderInviteField] }),
  empty,
)

/** Registers (with the invite's secret) or renews (without) the calling provider. */
export const registerProvider = method(
  21,
  'register-provider',
  struct({ secret: [0, optional(bytes(32))], record: [1, signedProviderRecordField] }),
  struct({ genesis: [0, bytesUpTo(1_024)] }),
)

/** A provider's heartbeat, once a second; the answer names shards that it may free, and may ask for a copy. */
export const reportProvider = method(
  22,
  'report-provider',
  struct({
    capacity: [0, uint()],
    used: [1, uint()],
    shards: [2, uint()],
    /** Shards that its own scrubbing found bad. */
    damaged: [3, array(tuple(id, oneOf([0, 1])), 1_024)],
    pid: [4, optional(uint())],
    /** Shards freed since the last answer named them. */
    freed: [5, array(id, 4_096)],
    /** What an answer asked for: amounts in units, signed by the record's reporter (EIP-712 `Report`). */
    signed: [
      6,
      optional(
        struct({
          capacity: [0, uint(MAX_WEIGHT)],
          used: [1, uint(MAX_WEIGHT)],
          seq: [2, uint(MAX_WEIGHT)],
          signature: [3, bytes(64)],
        }),
      ),
    ],
    /** Shards that are read a lot here; each is told once. */
    hot: [7, optional(array(id, MAX_HOT_REPORTED))],
    /** Shards of which it keeps copies: all of them. */
    copies: [8, optional(array(id, MAX_COPIES_KEPT))],
  }),
  struct({
    free: [0, array(id, 4_096)],
    /** The ledger should know this provider's amounts: sign them for this chain and registry, with a seq above this one. */
    ask: [
      1,
      optional(struct({ chainId: [0, uint()], contract: [1, bytes(20)], seq: [2, uint(MAX_WEIGHT)] })),
    ],
    /** A shard to keep a copy of: to be read with this ticket from its holder at this address. */
    copy: [2, optional(struct({ address: [0, text(300)], ticket: [1, signedTicketField] }))],
    /** Copies to drop. */
    drop: [3, optional(array(id, MAX_COPIES_KEPT))],
  }),
)

export const providerView = struct({
  id: [0, id],
  net: [1, publicKey],
  name: [2, text(64)],
  operator: [3, id],
  address: [4, text(300)],
  transport: [5, text(8)],
  capacity: [6, uint()],
  used: [7, uint()],
  shards: [8, uint()],
  up: [9, bool()],
  pid: [10, optional(uint())],
  /** Milliseconds since it reported; absent where it hasn't since the tracker's start, and the amounts are the tracker's own count. */
  reportedAgo: [11, optional(uint())],
  /** Copies that it keeps of shards that are read a lot; absent where it keeps none. */
  copies: [12, optional(uint(MAX_COPIES_KEPT))],
})
export type ProviderView = ValueOf<typeof providerView>

export const listProviders = method(
  23,
  'list-providers',
  empty,
  struct({ providers: [0, array(providerView, 1_024)] }),
)
