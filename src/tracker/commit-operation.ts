import { equalBytes, toHex } from '../core/open/bytes.ts'
import {
  CapacityError,
  ConflictError,
  DeniedError,
  MalformedError,
  NotFoundError,
  UntrustedError,
} from '../core/open/errors.ts'
import { RIGHT, changeCodec, changeId, checkChange } from '../core/open/objects/change.ts'
import { memberRecordCodec } from '../core/open/objects/identity.ts'
import type { Operation } from '../core/open/objects/operation.ts'
import {
  MAX_OPERATION_BYTES,
  changesRoot,
  emptyHead,
  operationCodec,
  operationId,
  spaceIdOf,
} from '../core/open/objects/operation.ts'
import type { Signed } from '../core/open/objects/signed.ts'
import { openSigned } from '../core/open/objects/signed.ts'
import { ZERO_ID } from '../core/open/objects/suite.ts'
import type { Context } from '../ports/rpc.ts'
import type { TrackerWriter } from '../ports/tracker-store.ts'
import type { DeviceRow } from '../ports/tracker-store-members.ts'
import type { Applied } from './apply-change.ts'
import { applyChange, applyRoot } from './apply-change.ts'
import { callingDevice, requireRight } from './callers.ts'
import { BlobReferences } from './blob-references.ts'
import { SpaceDraft } from './space-draft.ts'
import type { TrackerState } from './tracker-state.ts'
import { poolOf } from './tracker-state.ts'

/** Spaces of one member, and what a space may begin with: all of them fit one answer. */
export const MAX_SPACES = 256
export const MAX_GENESIS_CHANGES = 16
export const MAX_GENESIS_BYTES = 16 * 1024

export interface CommitRequest {
  readonly operation: Signed
  readonly changes: readonly Uint8Array[]
}

/** A space's epoch counts its grants, revocations and policy changes: the creator's own grant is the first. */
const FIRST_EPOCH = 1

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
): { index: number; time: number } {
  const [body, signature] = request.operation
  const size = request.changes.reduce((sum, change) => sum + change.length, body.length)
  if (size > MAX_OPERATION_BYTES)
    throw new MalformedError(`an operation has at most ${MAX_OPERATION_BYTES} bytes`, { size })
  if (request.changes.length === 0) throw new MalformedError('an operation changes something')
  const { index, time, committed } = state.store.write((tables) => {
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
    if (!equalBytes(changesRoot(state.primitives, request.changes), operation.root))
      throw new UntrustedError('these are not the changes that the operation names')
    const id = operationId(state.primitives, body)
    const known = tables.log.operationIndex(id)
    if (known !== undefined)
      return { index: known, time: tables.log.entry(known)!.time, committed: undefined }
    requireNext(state, tables, operation)
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
    const entry = tables.log.appendOperation(state.clock.now(), id, body, signature, request.changes)
    tables.members.setProgress(operation.device, { counter: operation.counter, prevOp: id })
    return { index: entry.index, time: entry.time, committed: { space, blobs: references.named } }
  })
  if (committed !== undefined) state.asked.committed(committed.space, committed.blobs)
  return { index, time }
}

function requireOwn(operation: Operation, device: DeviceRow): void {
  if (!equalBytes(operation.device, device.device) || !equalBytes(operation.member, device.member))
    throw new DeniedError('an operation is handed in by the device that signed it')
}

/** The device's counter and previous operation, and what must be empty while there are no logs, grants and locks. */
function requireNext(state: TrackerState, tables: TrackerWriter, operation: Operation): void {
  const { counter, prevOp } = tables.members.progress(operation.device) ?? { counter: 0, prevOp: ZERO_ID }
  if (operation.counter !== counter + 1 || !equalBytes(operation.prevOp, prevOp))
    throw new ConflictError("this does not follow the device's last operation", { counter, prevOp })
  const head = emptyHead(state.primitives)
  if (
    operation.head.size !== head.size ||
    operation.head.signature.length > 0 ||
    !equalBytes(operation.head.root, head.root)
  )
    throw new ConflictError('this pool keeps no log yet: the head is the empty one', {
      head: operation.head.size,
    })
  if (operation.via.length > 0) throw new DeniedError('grants by others cannot be yet: via is empty')
  if (operation.fence !== undefined) throw new MalformedError('locks cannot be yet: there is no fence')
}

function decodeChanges(state: TrackerState, changes: readonly Uint8Array[], operation: number): Applied[] {
  const touched = new Set<string>()
  return changes.map((encoded, place) => {
    const change = changeCodec.decode(encoded)
    checkChange(change)
    const node = toHex(change.node)
    if (touched.has(node)) throw new MalformedError('an operation touches a node once', { node: change.node })
    touched.add(node)
    return { change, encoded, id: changeId(state.primitives, encoded), at: { operation, place } }
  })
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
