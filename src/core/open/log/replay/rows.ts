/**
 * What whoever replays the log must remember, as rows by key: the tracker to admit, a witness to check. Rows follow from the log
 * alone, in its order; they have one encoding each, so any key-value store holds them.
 */
import type { Codec, ValueOf } from '../../schema.ts'
import { array, bool, bytesUpTo, codec, optional, struct, text, tuple, uint } from '../../schema.ts'
import { grantTermsFields } from '../../objects/change.ts'
import { MAX_ADMINS } from '../../objects/identity.ts'
import type { NodeState } from './node-state.ts'
import { nodeStateCodec } from './node-state.ts'
import { id, nodeId, publicKey } from '../../objects/suite.ts'

/** Grants of one space that rules look through. */
export const MAX_GRANTS = 1_024

const poolRow = struct({ genesis: [0, bytesUpTo(1_024)] })
const memberRow = struct({
  name: [0, text(32)],
  sign: [1, publicKey],
  /** Id of the newest record. */
  record: [2, id],
  seq: [3, uint()],
  enc: [4, array(tuple(uint(), publicKey), 64)],
  devices: [5, uint()],
})
const deviceRow = struct({
  member: [0, id],
  sign: [1, publicKey],
  /** Unix seconds. */
  notAfter: [2, uint()],
  serial: [3, uint()],
})
const progressRow = struct({ counter: [0, uint()], prevOp: [1, id] })
const nameRow = struct({ member: [0, id] })
const admissionRow = struct({ record: [0, id] })
const inviteRow = struct({ member: [0, id] })
const providerInviteRow = struct({ operator: [0, id], notAfter: [1, uint()], usedBy: [2, optional(id)] })
const providerRow = struct({ invite: [0, id], seq: [1, uint()] })
const ledgerRow = struct({ chainId: [0, uint()] })
const witnessVotesRow = struct({
  votes: [0, array(struct({ admin: [0, id], approved: [1, bool()], seq: [2, uint()] }), MAX_ADMINS)],
})
const spaceRow = struct({ root: [0, nodeId], epoch: [1, uint()] })
const grantField = struct(grantTermsFields)
const grantsRow = struct({ grants: [0, array(grantField, MAX_GRANTS)] })
const fields = {
  /** Of the pool; no key. */
  pool: poolRow,
  /** By member id. */
  member: memberRow,
  /** By name, UTF-8. */
  name: nameRow,
  /** By device id. */
  device: deviceRow,
  /** By device id: what it signed last. */
  progress: progressRow,
  /** By member id: a newcomer who was admitted and whose record is to come. */
  admission: admissionRow,
  /** By invite: whom it let in. */
  invite: inviteRow,
  /** By invite. */
  providerInvite: providerInviteRow,
  /** By peer id. */
  provider: providerRow,
  /** What the pool is bound to; no key. */
  ledger: ledgerRow,
  /** By operator: each first admin's newest vote. */
  witnessVotes: witnessVotesRow,
  /** By space id. */
  space: spaceRow,
  /** By space id. */
  grants: grantsRow,
}

export type Rows = { readonly [T in keyof typeof fields]: ValueOf<(typeof fields)[T]> } & {
  /** By space id + node id. */
  readonly node: NodeState
}
export type Table = keyof Rows
export type { NodeState } from './node-state.ts'
export type GrantState = ValueOf<typeof grantField>

/** The number of each table, the first byte of a stored key. */
const NUMBERS: Readonly<Record<Table, number>> = {
  pool: 0,
  member: 1,
  name: 2,
  device: 3,
  progress: 4,
  admission: 5,
  invite: 6,
  providerInvite: 7,
  provider: 8,
  space: 9,
  grants: 10,
  node: 11,
  ledger: 12,
  witnessVotes: 13,
}

/** A space's grants, 200 bytes each, are the largest. */
const MAX_ROW_BYTES = 256 * 1024

const codecs = {
  ...Object.fromEntries(
    Object.entries(fields).map(([table, field]) => [
      table,
      codec(`row of ${table}`, field as never, MAX_ROW_BYTES),
    ]),
  ),
  node: nodeStateCodec,
} as unknown as { readonly [T in Table]: Codec<Rows[T]> }

/** Rows as they are after all entries so far. */
export interface RowReader {
  get<T extends Table>(table: T, key: Uint8Array): Rows[T] | undefined
}

export interface RowWrite {
  /** The table's number and the row's key. */
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export function rowKey(table: Table, key: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + key.length)
  out[0] = NUMBERS[table]
  out.set(key, 1)
  return out
}

export function encodeRow<T extends Table>(table: T, value: Rows[T]): Uint8Array {
  return codecs[table].encode(value)
}

/** Rows out of a key-value store. */
export function keyedRows(get: (key: Uint8Array) => Uint8Array | undefined): RowReader {
  return {
    get(table, key) {
      const bytes = get(rowKey(table, key))
      return bytes === undefined ? undefined : codecs[table].decode(bytes)
    },
  }
}
