/**
 * Changes as rules and tables need them. Where tables want them all, rules take the same ones, so that they are decoded and hashed
 * once; where rules alone want them, each is decoded when its turn comes and forgotten then: thousands at once take megabytes.
 */
import { nameOf } from '../../bytes.ts'
import { MalformedError } from '../../errors.ts'
import type { Change } from '../../objects/change.ts'
import { changeCodec, changeId, checkChange } from '../../objects/change.ts'
import { changesRoot } from '../../objects/operation.ts'
import type { Primitives } from '../../primitives.ts'

export interface DecodedChange {
  readonly change: Change
  readonly id: Uint8Array
}

/** By the array itself, which nobody changes: entries go with it. */
const roots = new WeakMap<readonly Uint8Array[], Uint8Array>()
const decoded = new WeakMap<readonly Uint8Array[], readonly DecodedChange[]>()

/** `changesRoot` of an array that stays as it is. */
export function rootOfChanges(primitives: Primitives, changes: readonly Uint8Array[]): Uint8Array {
  let root = roots.get(changes)
  if (root === undefined) {
    root = changesRoot(primitives, changes)
    roots.set(changes, root)
  }
  return root
}

/** The changes of an array that stays as it is; throws MalformedError for one out of form, or a node that is touched twice. */
export function decodedChanges(
  primitives: Primitives,
  changes: readonly Uint8Array[],
): readonly DecodedChange[] {
  let steps = decoded.get(changes)
  if (steps === undefined) {
    steps = [...decode(primitives, changes)]
    decoded.set(changes, steps)
  }
  return steps
}

/** The same, one after the other: those before the one that is refused are given. */
export function eachChange(primitives: Primitives, changes: readonly Uint8Array[]): Iterable<DecodedChange> {
  return decoded.get(changes) ?? decode(primitives, changes)
}

function* decode(primitives: Primitives, changes: readonly Uint8Array[]): Iterable<DecodedChange> {
  const touched = new Set<string>()
  for (const encoded of changes) {
    const change = changeCodec.decode(encoded)
    checkChange(change)
    const node = nameOf(change.node)
    if (touched.has(node)) throw new MalformedError('an operation touches a node once', { node: change.node })
    touched.add(node)
    yield { change, id: changeId(primitives, encoded) }
  }
}
