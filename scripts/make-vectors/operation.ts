import type { Cbor } from './reference.ts'
import { H, bytes, cbor, concat, ed25519Public, hex, map, sha256, sign } from './reference.ts'

/** RFC 9162 section 2.1.1, as it is written there. */
function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return sha256(Uint8Array.of(0), leaves[0]!)
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return sha256(Uint8Array.of(1), treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)))
}

type Entries = readonly (readonly [number, Cbor | undefined])[]

/** The map with some keys set to other values, or taken out. */
function changed(entries: Entries, ...changes: Entries): Uint8Array {
  const all = new Map([...entries, ...changes])
  return cbor(map(...[...all].toSorted(([a], [b]) => a - b)))
}

export function operationVectors() {
  const [pool, space, rootNode, node] = [
    bytes('pool'),
    bytes('space'),
    bytes('root node', 16),
    bytes('node', 16),
  ]
  const commitments = map([0, bytes('mk commitment')], [1, bytes('ck commitment')])
  const grant = map(
    [0, bytes('grant', 16)],
    [1, rootNode],
    [2, 1],
    [3, bytes('member')],
    [4, 1],
    [5, 63],
    [8, commitments],
    [9, bytes('sealed', 165)],
  )
  const derived = map([0, rootNode], [1, 1], [2, 0])
  const back: Entries = [
    [5, bytes('back-m', 112)],
    [6, bytes('back-c', 112)],
  ]
  const moved = map([0, bytes('folder', 16)], [1, 4], [2, 0], ...back)
  const createRoot: Entries = [
    [0, 1],
    [1, rootNode],
    [2, 1],
    [4, 1],
    [5, map([0, new Uint8Array(16)], [1, 0], [2, 1], [3, commitments], [4, []])],
    [6, bytes('meta', 144)],
    [9, grant],
  ]
  const createFile: Entries = [
    [0, 1],
    [1, node],
    [2, 1],
    [4, 1],
    [5, derived],
    [6, bytes('meta', 144)],
    [7, bytes('manifest', 250)],
    [8, map([0, [bytes('blob 1'), bytes('blob 2')]], [1, []])],
  ]
  const first = cbor(map(...createFile))
  const write: Entries = [
    [0, 2],
    [1, node],
    [2, 2],
    [3, H('change', first)],
    [4, 1],
    [6, bytes('meta 2', 144)],
    [7, bytes('manifest 2', 250)],
    [8, map([0, []], [1, [bytes('list')]])],
  ]
  const content = H('change', changed(write))
  const rename: Entries = [
    [0, 3],
    [1, node],
    [2, 3],
    [3, content],
    [4, 1],
    [6, bytes('meta 3', 144)],
    [10, content],
  ]
  const move: Entries = [
    [0, 4],
    [1, node],
    [2, 4],
    [3, H('change', changed(rename))],
    [4, 2],
    [5, moved],
    [6, bytes('meta 4', 144)],
    [10, content],
  ]
  const remove: Entries = [
    [0, 5],
    [1, node],
    [2, 5],
    [3, H('change', changed(move))],
    [4, 2],
    [10, content],
  ]
  const rotate: Entries = [...move.filter(([key]) => key !== 0), [0, 7]]
  const renameOfFolder = rename.filter(([key]) => key !== 10)
  const named = { createRoot, createFile, write, rename, renameOfFolder, move, delete: remove, rotate }
  const changes = Object.entries(named).map(([what, entries]) => {
    const encoded = changed(entries)
    return { what, encoded: hex(encoded), id: hex(H('change', encoded)) }
  })
  const refused = [
    { what: 'a create with a base', encoded: changed(createFile, [3, bytes('base')]) },
    { what: 'a create at version 2', encoded: changed(createFile, [2, 2]) },
    { what: 'a create without keys', encoded: changed(createFile, [5, undefined]) },
    { what: 'a manifest without refs', encoded: changed(createFile, [8, undefined]) },
    { what: 'a write without a base', encoded: changed(write, [3, undefined]) },
    { what: 'a write with a grant', encoded: changed(write, [9, grant]) },
    { what: 'a create that names contents', encoded: changed(createFile, [10, content]) },
    { what: 'a write that names other contents', encoded: changed(write, [10, content]) },
    { what: 'contents named by 31 bytes', encoded: changed(rename, [10, bytes('content', 31)]) },
    { what: 'a move without the previous keys', encoded: changed(move, [5, derived]) },
    {
      what: 'random keys without commitments',
      encoded: changed(createFile, [5, map([0, rootNode], [1, 1], [2, 1], [4, []])]),
    },
    { what: 'a reserved kind', encoded: changed(remove, [0, 9]) },
    { what: 'an unknown kind', encoded: changed(remove, [0, 13]) },
    { what: 'an unknown key', encoded: changed(remove, [11, 0]) },
    { what: 'a node id of 15 bytes', encoded: changed(remove, [1, bytes('node', 15)]) },
    { what: 'version 0', encoded: changed(remove, [2, 0]) },
    { what: 'a version in a longer form', encoded: longForm(changed(remove)) },
    { what: 'keys in the wrong order', encoded: swapped(changed(remove)) },
    { what: 'bytes behind the end', encoded: concat(changed(remove), Uint8Array.of(0)) },
    { what: 'a tag', encoded: concat(Uint8Array.of(0xc1), changed(remove)) },
  ].map(({ what, encoded }) => ({ what, encoded: hex(encoded) }))

  const seed = bytes('device sign')
  const operations = [
    {
      what: 'the genesis of a space',
      space: new Uint8Array(32),
      epoch: 0,
      list: [createRoot],
      fence: undefined,
    },
    { what: 'three changes, with a fence', space, epoch: 7, list: [createFile, write, remove], fence: 5 },
  ].map(({ what, space, epoch, list, fence }, i) => {
    const encodedChanges = list.map((entries) => changed(entries))
    const body = cbor(
      map(
        [0, 1],
        [1, 1],
        [2, space],
        [3, epoch],
        [4, bytes('member')],
        [5, H('device', ed25519Public(seed)).slice(0, 16)],
        [6, i + 1],
        [7, i === 0 ? new Uint8Array(32) : bytes('previous operation')],
        [8, map([0, 0], [1, treeHash([])], [2, new Uint8Array(0)])],
        [9, []],
        [10, fence],
        [11, treeHash(encodedChanges)],
      ),
    )
    return {
      what,
      changes: encodedChanges.map(hex),
      root: hex(treeHash(encodedChanges)),
      body: hex(body),
      signature: hex(sign('operation', pool, seed, body)),
      id: hex(H('operation', body)),
      spaceId: epoch === 0 ? hex(H('space', body)) : null,
    }
  })
  return {
    description:
      'Changes and operations, docs/spec/operation.md. Boxes in them are filled with arbitrary bytes.',
    pool: hex(pool),
    signPublic: hex(ed25519Public(seed)),
    changes,
    refused,
    operations,
  }
}

/** The same delete with its version (5) written in two bytes. */
function longForm(encoded: Uint8Array): Uint8Array {
  const at = 3 + 1 + 1 + 16 + 1
  return concat(encoded.slice(0, at), Uint8Array.of(0x18, 5), encoded.slice(at + 1))
}

/** The same delete with node (key 1, 18 bytes in all) in front of kind (key 0, 2 bytes). */
function swapped(encoded: Uint8Array): Uint8Array {
  return concat(encoded.slice(0, 1), encoded.slice(3, 21), encoded.slice(1, 3), encoded.slice(21))
}
