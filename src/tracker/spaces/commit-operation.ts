import { equalBytes } from '../../core/open/bytes.ts'
import {
  CapacityError,
  ConflictError,
  DeniedError,
  ForkedError,
  InternalError,
  MalformedError,
  NotFoundError,
  UntrustedError,
} from '../../core/open/errors.ts'
import { entryCodec, entryHash } from '../../core/open/log/entry.ts'
import { promiseCodec } from '../../core/open/log/promise.ts'
import { decodedChanges, rootOfChanges } from '../../core/open/log/replay/decoded-changes.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import { memberRecordCodec } from '../../core/open/objects/identity.ts'
import type { Operation } from '../../core/open/objects/operation.ts'
import {
  FIRST_EPOCH,
  MAX_OPERATION_BYTES,
  operationCodec,
  operationId,
  spaceIdOf,
} from '../../core/open/objects/operation.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { openSigned, signObject } from '../../core/open/objects/signed.ts'
import { ZERO_ID } from '../../core/open/objects/suite.ts'
import type { Context } from '../../ports/rpc.ts'
import type { TrackerWriter } from '../../ports/tracker-store.ts'
import type { DeviceRow } from '../../ports/tracker-store-members.ts'
import type { Applied } from './apply-change.ts'
import { applyChange, applyRoot } from './apply-change.ts'
import { callingDevice, requireRight } from '../callers.ts'
import { BlobReferences } from '../stripes/blob-references.ts'
import { keepForeignHead } from '../log/keep-foreign-head.ts'
import { SpaceDraft } from './space-draft.ts'
import type { TrackerState } from '../tracker-state.ts'
import { poolOf } from '../tracker-state.ts'

/** Spaces of one member, and what a space may begin with: all of them fit one answer. */
export const MAX_SPACES = 256
export const MAX_GENESIS_CHANGES = 16
export const MAX_GENESIS_BYTES = 16 * 1024

export interface CommitRequest {
  readonly operation: Signed
  readonly changes: readonly Uint8Array[]
}

/**
 * Checks an operation, logs its exact bytes and applies its changes, all or none, in one transaction. The same operation again
 * gives the same answer. Throws UntrustedError (signature, root), DeniedError (not this device's, no right), MalformedError
 * (form), ConflictError (counter, epoch, base, generation, a stale edge, a name of a node taken), NotFoundError (nodes, blobs and
 * lists that aren't there), CapacityError (limits).
 */
export function commitOperation(
  state: TrackerState,
  request: CommitRequest,
  context: Context,
): { index: number; time: number; promise: Signed } {
  const [body] = request.operation
  const size = request.changes.reduce((sum, change) => sum + change.length, body.length)
  if (size > MAX_OPERATION_BYTES)
    throw new MalformedError(`an operation has at most ${MAX_OPERATION_BYTES} bytes`, { size })
  if (request.changes.length === 0) throw new MalformedError('an operation changes something')
  const { entry, committed } = writeOperation(state, request, context)
  if (committed !== undefined) state.asked.committed(committed.space, committed.blobs)
  return entry
}

interface Written {
  readonly entry: { readonly index: number; readonly time: number; readonly promise: Signed }
  readonly committed: { readonly space: Uint8Array; readonly blobs: readonly Uint8Array[] } | undefined
}

function writeOperation(state: TrackerState, request: CommitRequest, context: Context): Written {
  const [body, signature] = request.operation
  return state.store.write((tables) => {
    const device = callingDevice(state, tables, context)
    const { pool } = poolOf(state, tables)
    const operation = openSigned(
      state.primitives,
      'operation',
      pool,
      device.sign,
      operationCodec,
      request.operation,
    )
    requireOwn(operation, device)
    if (!equalBytes(rootOfChanges(state.primitives, request.changes), operation.root))
      throw new UntrustedError('these are not the changes that the operation names')
    const id = operationId(state.primitives, body)
    const known = tables.log.operationIndex(id)
    if (known !== undefined) return { entry: promised(state, tables, pool, known), committed: undefined }
    requireNext(tables, operation)
    const index = tables.log.size()
    const applied = decodeChanges(state, request.changes, index)
    const isGenesis = equalBytes(operation.space, ZERO_ID)
    const space = isGenesis ? spaceIdOf(state.primitives, body) : operation.space
    const draft = isGenesis
      ? beginSpace(tables, operation, space, applied, index)
      : continueSpace(state, tables, operation, applied)
    const references = new BlobReferences(tables, space, operation.member)
    for (const { change } of applied) if (change.refs !== undefined) references.add(change.refs)
    tables.spaces.putNodes(space, draft.changed())
    references.commit()
    try {
      tables.log.appendOperation(state.clock.now(), id, body, signature, request.changes)
    } catch (error) {
      if (error instanceof ForkedError) keepForeignHead(state, operation)
      throw error
    }
    tables.members.setProgress(operation.device, { counter: operation.counter, prevOp: id })
    const committed = { space, blobs: references.named }
    return { entry: promised(state, tables, pool, index), committed }
  })
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

/** The device's counter and previous operation, and what must be empty while there are no grants and locks. */
function requireNext(tables: TrackerWriter, operation: Operation): void {
  const { counter, prevOp } = tables.members.progress(operation.device) ?? { counter: 0, prevOp: ZERO_ID }
  if (operation.counter !== counter + 1 || !equalBytes(operation.prevOp, prevOp))
    throw new ConflictError("this does not follow the device's last operation", { counter, prevOp })
  requireForwards(tables, operation, prevOp)
  if (operation.via.length > 0) throw new DeniedError('grants by others cannot be yet: via is empty')
  if (operation.fence !== undefined) throw new MalformedError('locks cannot be yet: there is no fence')
}

/**
 * What a device has verified only grows: one that has named a head may name no smaller one, nor the empty one, which is for a
 * device that has none yet. Whether the head is this log's, the log's own rules say.
 */
function requireForwards(tables: TrackerWriter, { head }: Operation, prevOp: Uint8Array): void {
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

function decodeChanges(state: TrackerState, changes: readonly Uint8Array[], operation: number): Applied[] {
  return decodedChanges(state.primitives, changes).map(({ change, id }, place) => ({
    change,
    encoded: changes[place]!,
    id,
    at: { operation, place },
  }))
}

function beginSpace(
  tables: TrackerWriter,
  operation: Operation,
  space: Uint8Array,
  applied: readonly Applied[],
  index: number,
): SpaceDraft {
  if (operation.epoch !== 0) throw new MalformedError('a space begins in epoch 0')
  const bytes = applied.reduce((sum, { encoded }) => sum + encoded.length, 0)
  if (applied.length > MAX_GENESIS_CHANGES || bytes > MAX_GENESIS_BYTES)
    throw new CapacityError('a space begins small: the rest goes into later operations', {
      changes: MAX_GENESIS_CHANGES,
      bytes: MAX_GENESIS_BYTES,
    })
  if (tables.spaces.spacesOf(operation.member).length >= MAX_SPACES)
    throw new CapacityError(`a member has at most ${MAX_SPACES} spaces`, { spaces: MAX_SPACES })
  const [first, ...others] = applied
  if (first === undefined) throw new MalformedError('a space begins with its root')
  const draft = new SpaceDraft(tables.spaces, space, undefined)
  const grant = applyRoot(draft, first, operation.member)
  if (grant.encGen !== newestEncGen(tables, operation.member))
    throw new ConflictError("the grant is sealed to another than the author's newest key", {
      encGen: grant.encGen,
    })
  for (const change of others) applyChange(draft, change, [grant])
  const row = {
    id: space,
    root: first.change.node,
    epoch: FIRST_EPOCH,
    genesis: index,
    blobs: 0,
    uniqueBytes: 0,
  }
  tables.spaces.addSpace(row)
  tables.spaces.addGrant(space, grant)
  return draft
}

function newestEncGen(tables: TrackerWriter, member: Uint8Array): number | undefined {
  const row = tables.members.member(member)
  return row === undefined ? undefined : memberRecordCodec.decode(row.record[0]).enc.at(-1)?.[0]
}

function continueSpace(
  state: TrackerState,
  tables: TrackerWriter,
  operation: Operation,
  applied: readonly Applied[],
): SpaceDraft {
  const space = tables.spaces.space(operation.space)
  if (space === undefined) throw new NotFoundError('this pool has no such space', { space: operation.space })
  requireRight(state, tables, operation.member, space.id, RIGHT.write | RIGHT.delete)
  if (operation.epoch !== space.epoch)
    throw new ConflictError("the space's grants have changed", { epoch: space.epoch })
  const draft = new SpaceDraft(tables.spaces, space.id, space.root)
  const grants = tables.spaces.grants(space.id)
  for (const change of applied) applyChange(draft, change, grants)
  return draft
}
