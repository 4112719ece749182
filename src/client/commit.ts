/**
 * Signs changes and brings them to the tracker. Invariants:
 * - the signed operation is on this device's disk before it leaves, and the same bytes are sent again until the outcome is
 *   known: a device never signs two operations with one counter unless the first was refused.
 * - one commit at a time for the whole home.
 */
import { equalBytes } from '../core/open/bytes.ts'
import { AllmendError, ConflictError } from '../core/open/errors.ts'
import { CHANGE_KIND, changeCodec } from '../core/open/objects/change.ts'
import { changesRoot, operationCodec, operationId, spaceIdOf } from '../core/open/objects/operation.ts'
import { signObject } from '../core/open/objects/signed.ts'
import { SUITE, ZERO_ID } from '../core/open/objects/suite.ts'
import { commitOperation, deviceState } from '../core/open/protocol/tracker-methods.ts'
import type { PendingOperation } from '../ports/device-store.ts'
import type { OwnPlace } from '../ports/pin-store.ts'
import type { Client } from './client.ts'
import { rememberOwnEntry } from './log/own-entries.ts'
import type { NewChange } from './tree/node-changes.ts'

export interface Committed {
  readonly index: number
  readonly body: Uint8Array
}

type Placed = Omit<NewChange, 'encoded'>
type Answer = ReturnType<typeof commitOperation.response.decode>

/** Commits encoded changes to a space (zeros and epoch 0 for a genesis); throws ConflictError when the tracker's state is newer. */
export function commit(
  client: Client,
  space: { readonly id: Uint8Array; readonly epoch: number },
  changes: readonly NewChange[],
): Promise<Committed> {
  const { device, primitives, identity } = client
  return device.exclusive(async () => {
    const head = await client.log.writable()
    const previous = await settlePending(client)
    const encoded = changes.map((change) => change.encoded)
    const counter = previous.counter + 1
    const [body, signature] = signObject(
      primitives,
      'operation',
      identity.pool,
      identity.device.signSeed,
      operationCodec,
      {
        v: 1,
        suite: SUITE,
        space: space.id,
        epoch: space.epoch,
        member: identity.member,
        device: identity.device.deviceId,
        counter,
        prevOp: previous.prevOp,
        head,
        via: [],
        root: changesRoot(primitives, encoded),
      },
    )
    const pending = { counter, body, signature, changes: encoded }
    await device.savePending(pending)
    const answer = await handIn(client, pending)
    await keep(client, pending, answer, changes)
    return { index: answer.index, body }
  })
}

/** The device's newest committed operation, once one that was left open by a crash is settled. */
async function settlePending(client: Client): Promise<{ counter: number; prevOp: Uint8Array }> {
  const { device, tracker } = client
  const state = await device.load()
  if (state.pending !== undefined) {
    const { pending } = state
    let answer: Answer | undefined
    try {
      // The same bytes again: what was logged already gets the same promise.
      answer = await handIn(client, pending)
    } catch (error) {
      // Refused: it was never acknowledged to anybody, and its counter is free again.
      if (!(error instanceof AllmendError) || error.policy === 'retry') throw error
    }
    if (answer !== undefined) await keep(client, pending, answer, pending.changes.map(readChange))
  }
  const { counter, prevOp } = await device.load()
  const atTracker = await tracker.call(deviceState, {})
  if (atTracker.counter < counter)
    throw await client.log.mistrust(
      'the tracker has forgotten operations that it had acknowledged to this device: it was rolled back, or lost data; ' +
        'nothing was written',
      { answer: [deviceState.id, deviceState.response.encode(atTracker)] },
      { here: counter, there: atTracker.counter },
    )
  if (atTracker.counter > counter || !equalBytes(atTracker.prevOp, prevOp))
    throw new ConflictError(
      'the tracker knows newer operations of this device than its own home does: was the home restored from a copy? ' +
        'enrol this machine anew with `allmend recover`',
      { here: counter, there: atTracker.counter },
    )
  return { counter, prevOp }
}

/** Where the operation stands in the log, as the tracker says. */
async function handIn(client: Client, pending: PendingOperation): Promise<Answer> {
  try {
    return await client.tracker.call(commitOperation, {
      operation: [pending.body, pending.signature],
      changes: pending.changes,
    })
  } catch (error) {
    if (error instanceof AllmendError && error.policy !== 'retry') await dropRefused(client, pending)
    throw error
  }
}

/** Takes the promise over; what is wrong with it is no refusal: the operation stays pending. */
async function keep(
  client: Client,
  pending: PendingOperation,
  answer: Answer,
  changes: readonly Placed[],
): Promise<void> {
  const { device, primitives } = client
  const operation = operationId(primitives, pending.body)
  await rememberOwnEntry(client.log, operation, answer.promise, {
    space: spaceOf(client, pending.body),
    places: placesOf(client, changes),
  })
  await device.saveCommitted(pending.counter, operation)
}

function spaceOf({ primitives }: Client, body: Uint8Array): Uint8Array {
  const { space } = operationCodec.decode(body)
  return equalBytes(space, ZERO_ID) ? spaceIdOf(primitives, body) : space
}

/** Where the changed nodes stand afterwards; of one that was never read here only its version will show that it was kept. */
function placesOf(client: Client, changes: readonly Placed[]): OwnPlace[] {
  return changes.flatMap(({ node, kind, parent: placed }) => {
    const parent = placed ?? client.trees.placeOf(node)
    return parent === undefined ? [] : [{ node, parent, isDeleted: kind === CHANGE_KIND.delete }]
  })
}

function readChange(encoded: Uint8Array): Placed {
  const { node, kind, keyRecord } = changeCodec.decode(encoded)
  return { node, kind, parent: keyRecord?.parent }
}

/** Forgets an operation if the tracker doesn't have it. What it answered is not enough: it might have logged it all the same. */
async function dropRefused({ device, tracker }: Client, pending: PendingOperation): Promise<void> {
  try {
    const { counter } = await tracker.call(deviceState, {})
    if (counter < pending.counter) await device.dropPending()
  } catch (error) {
    // It stays pending: the next commit settles it first.
    if (!(error instanceof AllmendError)) throw error
  }
}
