import { equalBytes } from '../../core/open/bytes.ts'
import {
  CapacityError,
  ConflictError,
  DeniedError,
  ForkedError,
  InternalError,
  NotFoundError,
  UntrustedError,
} from '../../core/open/errors.ts'
import { entryCodec, entryHash } from '../../core/open/log/entry.ts'
import { promiseCodec } from '../../core/open/log/promise.ts'
import type { DecodedChange } from '../../core/open/log/replay/decoded-changes.ts'
import { decodedChanges, rootOfChanges } from '../../core/open/log/replay/decoded-changes.ts'
import { rootGrant } from '../../core/open/log/replay/replay-change.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import type { Operation } from '../../core/open/objects/operation.ts'
import { FIRST_EPOCH, operationCodec, operationId, spaceIdOf } from '../../core/open/objects/operation.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { openSigned, signObject } from '../../core/open/objects/signed.ts'
import { ZERO_ID } from '../../core/open/objects/suite.ts'
import { MAX_SPACES } from '../../core/open/protocol/space-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import type { TrackerWriter } from '../../ports/tracker-store.ts'
import type { DeviceRow } from '../../ports/tracker-store-members.ts'
import { callingDevice, requireRight } from '../callers.ts'
import { BlobReferences } from '../stripes/blob-references.ts'
import { keepForeignHead } from '../log/keep-foreign-head.ts'
import { changedRows } from './changed-rows.ts'
import type { TrackerState } from '../tracker-state.ts'
import { poolOf } from '../tracker-state.ts'

export interface CommitRequest {
  readonly operation: Signed
  readonly changes: readonly Uint8Array[]
}

/**
 * Logs an operation's exact bytes, if the log's rules admit it (core/open/log/replay), and keeps what its changes say of their
 * nodes, all or none, in one transaction. The same operation again gives the same answer. Throws UntrustedError (signature, root),
 * DeniedError (not this device's, no right), MalformedError (form), ConflictError (counter, head, epoch, base, generation, a stale
 * edge, a node id that is taken), NotFoundError (spaces, nodes, blobs and lists that aren't there), CapacityError (limits).
 */
export function commitOperation(
  state: TrackerState,
  request: CommitRequest,
  context: Context,
): { index: number; time: number; promise: Signed } {
  const { entry, committed } = writeOperation(state, request, context)
  if (committed !== undefined) state.asked.committed(committed.space, committed.blobs)
  return entry
}

interface Written {
  readonly entry: { readonly index: number; readonly time: number; readonly promise: Signed }
  readonly committed: { readonly space: Uint8Array; readonly blobs: readonly Uint8Array[] } | undefined
}

function writeOperation(state: TrackerState, request: CommitRequest, context: Context): Written {
  const { primitives } = state
  const { operation: signed, changes } = request
  const [body] = signed
  return state.store.write((tables) => {
    const device = callingDevice(state, tables, context)
    const { pool } = poolOf(state, tables)
    const operation = openSigned(primitives, 'operation', pool, device.sign, operationCodec, signed)
    requireOwn(operation, device)
    if (!equalBytes(rootOfChanges(primitives, changes), operation.root))
      throw new UntrustedError('these are not the changes that the operation names')
    const id = operationId(primitives, body)
    const known = tables.log.operationIndex(id)
    if (known !== undefined) return { entry: promised(state, tables, pool, known), committed: undefined }
    requireAllowed(state, tables, operation)
    const steps = decodedChanges(primitives, changes)
    const index = appended(state, tables, id, operation, request)
    requireForwards(tables, operation)
    const isGenesis = equalBytes(operation.space, ZERO_ID)
    const space = isGenesis ? spaceIdOf(primitives, body) : operation.space
    if (isGenesis) addSpace(tables, operation, space, index, steps)
    tables.spaces.putNodes(space, changedRows(tables.spaces, space, index, steps, changes))
    const references = new BlobReferences(tables, space, operation.member)
    for (const { change } of steps) if (change.refs !== undefined) references.add(change.refs)
    references.commit()
    tables.members.setProgress(operation.device, { counter: operation.counter, prevOp: id })
    const committed = { space, blobs: references.named }
    return { entry: promised(state, tables, pool, index), committed }
  })
}

/** Where the operation stands in the log, which refuses what its rules don't admit. */
function appended(
  state: TrackerState,
  tables: TrackerWriter,
  id: Uint8Array,
  operation: Operation,
  { operation: [body, signature], changes }: CommitRequest,
): number {
  try {
    return tables.log.appendOperation(state.clock.now(), id, body, signature, changes).index
  } catch (error) {
    if (error instanceof ForkedError) keepForeignHead(state, operation)
    throw error
  }
}

/** The log's word for an entry: the same for the same entry, however often it is asked. */
function promised(
  { primitives, logSeed }: TrackerState,
  tables: TrackerWriter,
  pool: Uint8Array,
  index: number,
): Written['entry'] {
  const stored = tables.proofs.leaf(index)
  if (stored === undefined) throw new InternalError('an operation is not in the log', { index })
  const { time } = entryCodec.decode(stored.leaf)
  const hash = entryHash(primitives.sha256, stored.leaf)
  const promise = signObject(primitives, 'promise', pool, logSeed, promiseCodec, { v: 1, index, time, hash })
  return { index, time, promise }
}

function requireOwn(operation: Operation, device: DeviceRow): void {
  if (!equalBytes(operation.device, device.device) || !equalBytes(operation.member, device.member))
    throw new DeniedError('an operation is handed in by the device that signed it')
}

/** What the log's rules leave to the tracker: the clock's word on grants, and how many spaces a member may have. */
function requireAllowed(state: TrackerState, tables: TrackerWriter, operation: Operation): void {
  if (operation.via.length > 0) throw new DeniedError('grants by others cannot be yet: via is empty')
  if (equalBytes(operation.space, ZERO_ID)) {
    if (tables.spaces.spacesOf(operation.member).length >= MAX_SPACES)
      throw new CapacityError(`a member has at most ${MAX_SPACES} spaces`, { spaces: MAX_SPACES })
    return
  }
  const space = tables.spaces.space(operation.space)
  if (space === undefined) throw new NotFoundError('this pool has no such space', { space: operation.space })
  requireRight(state, tables, operation.member, space.id, RIGHT.write | RIGHT.delete)
}

/**
 * What a device has verified only grows: one that has named a head may name no smaller one, nor the empty one, which is for a
 * device that has none yet. Whether the head is this log's, the log's own rules say.
 */
function requireForwards(tables: TrackerWriter, { head, prevOp }: Operation): void {
  const previous = tables.log.operationIndex(prevOp)
  const entry = previous === undefined ? undefined : tables.log.entry(previous)
  if (entry === undefined) return
  const seen = operationCodec.decode(entry.body).head.size
  if (head.size < seen)
    throw new ConflictError('this device has verified a newer head than the one that this names', {
      head: head.size,
      seen,
    })
}

function addSpace(
  tables: TrackerWriter,
  operation: Operation,
  space: Uint8Array,
  index: number,
  [first]: readonly DecodedChange[],
): void {
  if (first === undefined) throw new InternalError('a space was begun without a root')
  const counts = { genesis: index, blobs: 0, uniqueBytes: 0 }
  tables.spaces.addSpace({ id: space, root: first.change.node, epoch: FIRST_EPOCH, ...counts })
  tables.spaces.addGrant(space, { ...rootGrant(first.change, operation.member), notAfter: undefined })
}
