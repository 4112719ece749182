/** Changes as rules and tables need them. Both work on the same array one after the other, so it is decoded and hashed once. */
import { toHex } from '../../bytes.ts'
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
    steps = decode(primitives, changes)
    decoded.set(changes, steps)
  }
  return steps
}

function decode(primitives: Primitives, changes: readonly Uint8Array[]): DecodedChange[] {
  const touched = new Set<string>()
  return changes.map((encoded) => {
    const change = changeCodec.decode(encoded)
    checkChange(change)
    const node = toHex(change.node)
    if (touched.has(node)) throw new MalformedError('an operation touches a node once', { node: change.node })
    touched.add(node)
    return { change, id: changeId(primitives, encoded) }
  })
}
