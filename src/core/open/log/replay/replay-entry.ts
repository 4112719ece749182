/**
 * The rules that anybody without keys can check (SECURITY.md section 4, 1 to 5, the head, staleness), one entry after the other.
 * The tracker admits what passes; witnesses and auditors come to the same rows and map keys, or to the same refusal.
 * Invariants:
 * - the verdict follows from the entries before, the object's bytes and the entry's time: no clock, no configuration.
 * - a refusal is an AllmendError and leaves no trace: such an entry is void and touches nothing.
 */
import { equalBytes, nameOf } from '../../bytes.ts'
import { MalformedError, UntrustedError } from '../../errors.ts'
import { genesisCodec, poolIdOf } from '../../objects/identity.ts'
import { SIGNATURE_BYTES } from '../../objects/suite.ts'
import { checkSigningKey } from '../../objects/curve-key.ts'
import type { Primitives } from '../../primitives.ts'
import type { LogIdentity } from '../heads/checkpoint.ts'
import { logIdentity } from '../heads/checkpoint.ts'
import type { EntryKind } from '../entry.ts'
import { ENTRY_KIND } from '../entry.ts'
import { POLICY, mapPolicy } from '../map/map-key.ts'
import { replayAdmit, replayCertificate, replayRecord } from './replay-members.ts'
import { replayLedgerBinding } from './replay-ledger.ts'
import { replayOperation } from './replay-operation.ts'
import { replayProvider, replayProviderInvite } from './replay-providers.ts'
import { replayWitnessVote } from './replay-witnesses.ts'
import type { LogHistory, Replay } from './replay.ts'
import { RowDraft } from './row-draft.ts'
import type { RowReader, RowWrite } from './rows.ts'

/** An object to be logged, or logged. */
export interface ReplayObject {
  readonly kind: EntryKind
  /** The entry's time, Unix milliseconds. */
  readonly time: number
  readonly body: Uint8Array
  readonly signatures: Uint8Array
  /** An operation's changes; empty otherwise. */
  readonly changes: readonly Uint8Array[]
}

/** A map key that an entry touches. */
export interface MapTouch {
  readonly key: Uint8Array
  /** `nameOf` the key. */
  readonly name: string
  /** The key is taken out: a child that left its folder. */
  readonly isRemoved: boolean
}

export interface Replayed {
  readonly rows: readonly RowWrite[]
  /** In the order of their keys. */
  readonly touched: readonly MapTouch[]
}

/** The rows and map keys that the next entry writes and touches; throws an AllmendError when the rules refuse it. */
export function replayEntry(
  primitives: Primitives,
  below: RowReader,
  history: LogHistory,
  object: ReplayObject,
): Replayed {
  const rows = new RowDraft(below)
  const touched = new Map<string, MapTouch>()
  const touch = (key: Uint8Array, isRemoved = false): void => {
    const name = nameOf(key)
    touched.set(name, { key, name, isRemoved })
  }
  if (object.kind !== ENTRY_KIND.operation && object.changes.length > 0)
    throw new MalformedError('only operations have changes')
  if (object.kind === ENTRY_KIND.genesis) begin(primitives, rows, history, object, touch)
  else {
    const genesis = rows.get('pool', NO_KEY)?.genesis
    if (genesis === undefined) throw new UntrustedError('a log begins with the genesis of its pool')
    const { log, pool } = identityOf(primitives, genesis)
    const seconds = Math.floor(object.time / 1_000)
    dispatch({ primitives, pool, genesis, log, rows, seconds, history, touch }, object)
  }
  // Names sort as the bytes do.
  const names = [...touched.keys()].sort()
  return { rows: rows.writes(), touched: names.map((name) => touched.get(name)!) }
}

const NO_KEY = new Uint8Array(0)

function dispatch(replay: Replay, object: ReplayObject): void {
  const { body, signatures } = object
  const signed = (count: number) => {
    if (signatures.length !== count * SIGNATURE_BYTES)
      throw new MalformedError(`this entry has ${count} signatures`, { kind: object.kind })
    return signatures.subarray(0, SIGNATURE_BYTES)
  }
  switch (object.kind) {
    case ENTRY_KIND.memberRecord:
      return replayRecord(replay, [body, signed(1)])
    case ENTRY_KIND.certificate:
      return replayCertificate(replay, [body, signed(2), signatures.subarray(SIGNATURE_BYTES)])
    case ENTRY_KIND.admit:
      return replayAdmit(replay, [body, signed(1)])
    case ENTRY_KIND.providerInvite:
      return replayProviderInvite(replay, [body, signed(1)])
    case ENTRY_KIND.providerRecord:
      return replayProvider(replay, [body, signed(1)])
    case ENTRY_KIND.ledgerBinding:
      return replayLedgerBinding(replay, [body, signed(1)])
    case ENTRY_KIND.witnessVote:
      return replayWitnessVote(replay, [body, signed(1)])
    case ENTRY_KIND.operation:
      return replayOperation(replay, [body, signed(1)], object.changes)
    default:
      throw new MalformedError('entries of this kind hold no object', { kind: object.kind })
  }
}

function begin(
  primitives: Primitives,
  rows: RowDraft,
  history: LogHistory,
  { body, signatures }: ReplayObject,
  touch: (key: Uint8Array) => void,
): void {
  if (history.size !== 0 || signatures.length > 0)
    throw new UntrustedError('the genesis is the first entry, and is not signed')
  const genesis = genesisCodec.decode(body)
  checkSigningKey(genesis.logKey)
  rows.put('pool', NO_KEY, { genesis: body })
  touch(mapPolicy(primitives, POLICY.genesis))
}

interface PoolIdentity {
  readonly genesis: Uint8Array
  readonly pool: Uint8Array
  readonly log: LogIdentity
}

/** Every entry of a log asks for the same one. */
let newest: PoolIdentity | undefined

function identityOf(primitives: Primitives, genesis: Uint8Array): PoolIdentity {
  if (newest === undefined || !equalBytes(newest.genesis, genesis))
    newest = { genesis, pool: poolIdOf(primitives, genesis), log: logIdentity(genesisCodec.decode(genesis)) }
  return newest
}
