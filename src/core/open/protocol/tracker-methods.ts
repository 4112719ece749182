/**
 * What a tracker answers. The caller is known by its channel's net key: a device of a member, a provider, or nobody yet.
 * Every method that changes something is idempotent: the same request twice has one effect and the same answer.
 */
import { MAX_COPIES, MAX_COPIES_KEPT, MAX_HOT_REPORTED } from '../stripes/copies.ts'
import { MAX_CHANGES } from '../objects/operation.ts'
import { signedOperationField } from '../objects/operation.ts'
import { MAX_CHANGE_BYTES } from '../objects/change.ts'
import { signedAdmitField, signedCertificateField, signedMemberRecordField } from '../objects/identity.ts'
import { signedProviderInviteField, signedProviderRecordField } from '../objects/provider-record.ts'
import { signedPromiseField } from '../log/promise.ts'
import { signedOfflineTicketField } from '../objects/offline-ticket.ts'
import { deviceId, id, nodeId, publicKey } from '../objects/suite.ts'
import { signedTicketField } from '../objects/ticket.ts'
import type { ValueOf } from '../schema.ts'
import { array, bool, bytes, bytesUpTo, oneOf, optional, struct, text, tuple, uint } from '../schema.ts'
import { MAX_PLACEMENT_DRAW_BYTES } from '../placement/placement.ts'
import { MAX_SHARD_BYTES, MAX_STRIPE_SHARDS, stripeField } from '../stripes/stripe.ts'
import { MAX_WEIGHT } from '../placement/weight-tree.ts'
import { method } from './method.ts'

/** Public lists handed over at once: 4 of 1 MiB fit one message; a longer job sends several. */
const MAX_LISTS_PER_COMMIT = 4
/** Spaces of one answer: of one member. */
const MAX_SPACES = 256
const empty = struct({})

// ---- the pool and its members ----

/** The pool's genesis, absent until its founder has come. */
export const describePool = method(
  1,
  'describe-pool',
  empty,
  struct({
    genesis: [0, optional(bytesUpTo(1_024))],
    logKey: [1, publicKey],
    /** Tracker's clock, Unix milliseconds. */
    time: [2, uint()],
  }),
)

/** Founds the pool: the holder of the tracker's founding secret becomes its first admin. */
export const foundPool = method(
  2,
  'found-pool',
  struct({
    secret: [0, bytes(32)],
    genesis: [1, bytesUpTo(1_024)],
    record: [2, signedMemberRecordField],
    certificate: [3, signedCertificateField],
  }),
  empty,
)

/** A newcomer's record and first device; `mac` is HMAC-SHA-256(invite secret, record body). Waits for an admit. */
export const registerMember = method(
  3,
  'register-member',
  struct({
    invite: [0, id],
    mac: [1, bytes(32)],
    record: [2, signedMemberRecordField],
    certificate: [3, signedCertificateField],
  }),
  empty,
)

/** Newcomers that wait under these invites. */
export const pendingMembers = method(
  4,
  'pending-members',
  struct({ invites: [0, array(id, 64)] }),
  struct({
    pending: [
      0,
      array(struct({ invite: [0, id], mac: [1, bytes(32)], record: [2, signedMemberRecordField] }), 64),
    ],
  }),
)

export const admitMember = method(5, 'admit-member', struct({ admit: [0, signedAdmitField] }), empty)

/** Enrols a further device of a member; the certificate's member signature is the authority. */
export const enrolDevice = method(
  6,
  'enrol-device',
  struct({ certificate: [0, signedCertificateField] }),
  empty,
)

export const memberView = struct({
  record: [0, signedMemberRecordField],
  certificates: [1, array(signedCertificateField, 64)],
  /** 0 waits for an admit, 1 is a member. */
  state: [2, oneOf([0, 1])],
})
export type MemberView = ValueOf<typeof memberView>

/** A member by id or name. */
export const resolveMember = method(
  7,
  'resolve-member',
  struct({ id: [0, optional(id)], name: [1, optional(text(32))] }),
  struct({ member: [0, optional(memberView)] }),
)

/** The calling device's newest operation in the log's order: what its next counter and prevOp must follow. */
export const deviceState = method(
  8,
  'device-state',
  empty,
  struct({ device: [0, deviceId], counter: [1, uint()], prevOp: [2, id] }),
)

// ---- providers ----

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

// ---- spaces and nodes ----

/** A logged operation as a reader needs it: exact bytes, place in the order, time, number of changes. */
export const operationView = struct({
  index: [0, uint()],
  /** Unix milliseconds. */
  time: [1, uint()],
  signed: [2, signedOperationField],
  count: [3, uint(MAX_CHANGES)],
})
export type OperationView = ValueOf<typeof operationView>

/** A change, its operation (a place in the answer's `operations`), its place in it, and the path that proves it. */
export const changeView = struct({
  operation: [0, uint(65_535)],
  place: [1, uint(MAX_CHANGES)],
  change: [2, bytesUpTo(MAX_CHANGE_BYTES)],
  path: [3, array(id, 12)],
})
export type ChangeView = ValueOf<typeof changeView>

/**
 * A node's live state: every change that set a generation (oldest first), the newest change with metadata, the newest with
 * a manifest (files). One change may serve as several.
 */
export const nodeView = struct({
  node: [0, nodeId],
  generations: [1, array(changeView, 1_024)],
  meta: [2, changeView],
  content: [3, optional(changeView)],
  version: [4, uint()],
  head: [5, id],
})
export type NodeView = ValueOf<typeof nodeView>

export const nodesAnswer = struct({
  operations: [0, array(operationView, 65_536)],
  nodes: [1, array(nodeView, 4_096)],
  /** Ask again with this for more; from `get-nodes`, the number of ids dealt with (4 bytes): ask again for the rest. */
  cursor: [2, optional(bytesUpTo(64))],
})
export type NodesAnswer = ValueOf<typeof nodesAnswer>

export const spaceView = struct({
  space: [0, id],
  root: [1, nodeId],
  epoch: [2, uint()],
  genesis: [3, operationView],
  /** The genesis operation's changes. */
  changes: [4, array(bytesUpTo(MAX_CHANGE_BYTES), 16)],
})
export type SpaceView = ValueOf<typeof spaceView>

/** The spaces in which the caller's member has a grant. */
export const listSpaces = method(
  30,
  'list-spaces',
  empty,
  struct({ spaces: [0, array(spaceView, MAX_SPACES)] }),
)

/** Live nodes by id; unknown and deleted ones are left out. */
export const getNodes = method(
  31,
  'get-nodes',
  struct({ space: [0, id], nodes: [1, array(nodeId, 1_024)] }),
  nodesAnswer,
)

/** A folder's live children in the order of their creation, a page at a time. */
export const listChildren = method(
  32,
  'list-children',
  struct({ space: [0, id], node: [1, nodeId], cursor: [2, optional(bytesUpTo(64))] }),
  nodesAnswer,
)

/**
 * Commits an operation (head) with its changes (the body: CBOR array of byte strings). The blobs that its refs name must be
 * sealed or committed already, its lists put.
 */
export const commitOperation = method(
  33,
  'commit-operation',
  struct({
    operation: [0, signedOperationField],
    changes: [1, array(bytesUpTo(MAX_CHANGE_BYTES), MAX_CHANGES)],
  }),
  struct({
    index: [0, uint()],
    time: [1, uint()],
    /** The log's word for it. */
    promise: [2, signedPromiseField],
  }),
)

/** Hands the tracker public lists of blob ids (their whole blobs) that a coming commit's refs name. */
export const putLists = method(
  34,
  'put-lists',
  struct({ space: [0, id], lists: [1, array(bytesUpTo(1024 * 1024 + 64), MAX_LISTS_PER_COMMIT)] }),
  empty,
)

// ---- stripes and blobs ----

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

/** What the tracker can count. */
export const poolStatus = method(
  50,
  'pool-status',
  empty,
  struct({
    /** Committed live blobs of the caller's spaces, each once, bytes. */
    uniqueBytes: [0, uint()],
    /** What all stripes' shards take on providers, bytes. */
    storedBytes: [1, uint()],
    healthy: [2, uint()],
    degraded: [3, uint()],
    atRisk: [4, uint()],
    lost: [5, uint()],
    damaged: [6, array(damageField, 1_024)],
  }),
)
