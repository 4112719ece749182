/** Operations: rules 1, 2 and 4, the device's order, the head that the author has seen; then change by change. */
import { equalBytes } from '../../bytes.ts'
import {
  CapacityError,
  ConflictError,
  ForkedError,
  MalformedError,
  NotFoundError,
  UntrustedError,
} from '../../errors.ts'
import type { Head, Operation } from '../../objects/operation.ts'
import {
  FIRST_EPOCH,
  MAX_CHANGES,
  MAX_OPERATION_BYTES,
  emptyHead,
  operationCodec,
  operationId,
  spaceIdOf,
} from '../../objects/operation.ts'
import type { Signed } from '../../objects/signed.ts'
import { openSigned } from '../../objects/signed.ts'
import { ZERO_ID } from '../../objects/suite.ts'
import { isSignedHead } from '../heads/checkpoint.ts'
import { mapGrant, mapSpace } from '../map/map-key.ts'
import type { DecodedChange } from './decoded-changes.ts'
import { eachChange, rootOfChanges } from './decoded-changes.ts'
import type { Author } from './replay-change.ts'
import { putRoot, replayChange, rootGrant } from './replay-change.ts'
import type { Replay } from './replay.ts'
import { deviceAt } from './replay-members.ts'
import { grantOf } from './require-right.ts'
import type { GrantState } from './rows.ts'
import { SpaceDraft } from './space-draft.ts'

/** What a space may begin with: the genesis of all of a member's spaces fit one answer. */
export const MAX_GENESIS_CHANGES = 16
export const MAX_GENESIS_BYTES = 16 * 1024

/** Replays a device's operation with its changes, all or none. */
export function replayOperation(replay: Replay, signed: Signed, changes: readonly Uint8Array[]): void {
  const { primitives, pool, rows } = replay
  const size = changes.reduce((sum, change) => sum + change.length, signed[0].length)
  if (size > MAX_OPERATION_BYTES || changes.length > MAX_CHANGES)
    throw new MalformedError(`an operation has at most ${MAX_OPERATION_BYTES} bytes`, { size })
  if (changes.length === 0) throw new MalformedError('an operation changes something')
  // The device named inside only picks the key that must have signed these same bytes.
  const claimed = operationCodec.decode(signed[0])
  const device = deviceAt(replay, claimed.device, claimed.member)
  const operation = openSigned(primitives, 'operation', pool, device.sign, operationCodec, signed)
  if (!equalBytes(rootOfChanges(primitives, changes), operation.root))
    throw new UntrustedError('these are not the changes that the operation names')
  requireNext(replay, operation)
  requireHead(replay, operation.head)
  if (operation.fence !== undefined) throw new MalformedError('locks cannot be yet: there is no fence')
  if (equalBytes(operation.space, ZERO_ID))
    beginSpace(replay, operation, spaceIdOf(primitives, signed[0]), changes)
  else continueSpace(replay, operation, eachChange(primitives, changes))
  const { counter, device: by } = operation
  rows.put('progress', by, { counter, prevOp: operationId(primitives, signed[0]) })
}

/** The device's counter and previous operation. */
function requireNext({ rows }: Replay, { device, counter, prevOp }: Operation): void {
  const last = rows.get('progress', device) ?? { counter: 0, prevOp: ZERO_ID }
  if (counter !== last.counter + 1 || !equalBytes(prevOp, last.prevOp))
    throw new ConflictError("this does not follow the device's last operation", {
      counter: last.counter,
      prevOp: last.prevOp,
    })
}

/** The head is one of this log; one that the log signed but that isn't shows two histories. */
function requireHead({ primitives, log, history }: Replay, head: Head): void {
  if (head.size === 0) {
    if (head.signature.length > 0 || !equalBytes(head.root, emptyHead(primitives).root))
      throw new UntrustedError('a head of size 0 is the empty one')
    return
  }
  const isOurs = head.size <= history.size && equalBytes(history.root(head.size), head.root)
  if (!isSignedHead(primitives, log, head, head.signature))
    throw new UntrustedError('the head of this operation is not signed by the log', { size: head.size })
  if (!isOurs)
    throw new ForkedError('this operation names a head that the log signed for another history', {
      size: head.size,
      root: head.root,
      signature: head.signature,
    })
}

function beginSpace(
  replay: Replay,
  operation: Operation,
  space: Uint8Array,
  changes: readonly Uint8Array[],
): void {
  const { primitives, rows } = replay
  if (operation.epoch !== 0) throw new MalformedError('a space begins in epoch 0')
  if (operation.via.length > 0) throw new MalformedError('a space is begun upon nobody’s grant')
  const bytes = changes.reduce((sum, change) => sum + change.length, 0)
  if (changes.length > MAX_GENESIS_CHANGES || bytes > MAX_GENESIS_BYTES)
    throw new CapacityError('a space begins small: the rest goes into later operations', {
      changes: MAX_GENESIS_CHANGES,
      bytes: MAX_GENESIS_BYTES,
    })
  const [first, ...others] = eachChange(primitives, changes)
  if (first === undefined) throw new MalformedError('a space begins with its root')
  const grant = rootGrant(first.change, operation.member)
  const newest = rows.get('member', operation.member)?.enc.at(-1)?.[0]
  if (grant.encGen !== newest)
    throw new ConflictError("the grant is sealed to another than the author's newest key", {
      encGen: grant.encGen,
    })
  const draft = new SpaceDraft(rows, space, first.change.node, [grant])
  putRoot(replay, draft, first.change, first.id)
  const author = authorOf(operation, grant)
  for (const { change, id } of others) replayChange(replay, draft, author, change, id)
  rows.put('space', space, { root: first.change.node, epoch: FIRST_EPOCH })
  rows.put('grants', space, { grants: [grant] })
  replay.touch(mapSpace(primitives, space))
  replay.touch(mapGrant(primitives, space, grant.node, grant.grantee))
}

function continueSpace(replay: Replay, operation: Operation, steps: Iterable<DecodedChange>): void {
  const { rows, seconds } = replay
  const space = rows.get('space', operation.space)
  if (space === undefined) throw new NotFoundError('this pool has no such space', { space: operation.space })
  const grants = rows.get('grants', operation.space)?.grants ?? []
  const draft = new SpaceDraft(rows, operation.space, space.root, grants)
  const grant = grantOf(draft, operation, seconds)
  if (operation.epoch !== space.epoch)
    throw new ConflictError("the space's grants have changed", { epoch: space.epoch })
  const author = authorOf(operation, grant)
  for (const { change, id } of steps) replayChange(replay, draft, author, change, id)
}

function authorOf({ head }: Operation, grant: GrantState): Author {
  return { grant, isBeforeLog: head.size === 0 }
}
