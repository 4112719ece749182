import { afterEach, beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type { TestMember, TestSpace, TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import {
  contents,
  create,
  idOf,
  move,
  nodeOf,
  remeta,
  remove,
  rootChange,
  rotate,
  testStripe,
  write,
  poolWithHome,
} from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import {
  CapacityError,
  ConflictError,
  DeniedError,
  MalformedError,
  NotFoundError,
  UntrustedError,
} from '../../core/open/errors.ts'
import { verifyMerklePath, leafHash } from '../../core/open/merkle.ts'
import type { Change } from '../../core/open/objects/change.ts'
import { CHANGE_KIND, changeCodec } from '../../core/open/objects/change.ts'
import { operationCodec } from '../../core/open/objects/operation.ts'
import { ZERO_ID } from '../../core/open/objects/suite.ts'
import * as methods from '../../core/open/protocol/tracker-methods.ts'

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
beforeEach(async () => void ({ pool, alice, home } = await poolWithHome()))
afterEach(() => pool.close())

const children = async (node: Uint8Array) => {
  const { nodes } = await alice.call(methods.listChildren, { space: home.id, node })
  return nodes.map((view) => toHex(view.node))
}
const hexes = (...labels: string[]) => labels.map((label) => toHex(idOf(label)))

test('a space is listed with its genesis, and what stands below it with proofs', async () => {
  const folder = create('folder', home.root)
  const file = create('file', nodeOf(folder, undefined))
  const answer = await alice.commit(home.id, [folder, file, create('b', home.root)])
  const { spaces } = await alice.call(methods.listSpaces, {})
  expect(spaces.map(({ space, root }) => [space, root].map(toHex))).toEqual([
    [home.id, home.root.id].map(toHex),
  ])
  expect(await children(home.root.id)).toEqual(hexes('folder', 'b'))
  const { nodes, operations } = await alice.call(methods.getNodes, { space: home.id, nodes: [idOf('file')] })
  const { change, path, place } = nodes[0]!.meta
  const operation = operations[nodes[0]!.meta.operation]!
  expect([operation.index, operation.time, operation.count]).toEqual([answer.index, answer.time, 3])
  const { root } = operationCodec.decode(operation.signed[0])
  const leaf = leafHash(nodePrimitives.sha256, change)
  expect(verifyMerklePath(nodePrimitives.sha256, leaf, place, 3, path, root)).toBe(true)
})

test('the same operation again has one effect and the same answer', async () => {
  const changes = [changeCodec.encode(create('a', home.root))]
  const signed = alice.sign(home.id, changes)
  const first = await alice.commitSigned(signed, changes)
  pool.clock.advance(5_000)
  expect(await alice.call(methods.commitOperation, { operation: signed, changes })).toEqual(first)
  expect((await alice.call(methods.deviceState, {})).counter).toBe(2)
})

test('attack 7: replays, gaps and forks of the counter are refused', async () => {
  const attempt = (overrides: object) => alice.commit(home.id, [create('a', home.root)], overrides)
  await expect(attempt({ counter: 1 })).rejects.toBeInstanceOf(ConflictError)
  await expect(attempt({ counter: 3 })).rejects.toBeInstanceOf(ConflictError)
  await expect(attempt({ prevOp: seedOf('another') })).rejects.toBeInstanceOf(ConflictError)
  await attempt({})
})

test('attack 7: a node id is never used again, a change needs its base, a deleted node stays deleted', async () => {
  const first = create('a', home.root)
  await alice.commit(home.id, [first])
  const a = nodeOf(first, undefined)
  await expect(alice.commit(home.id, [first])).rejects.toBeInstanceOf(ConflictError)
  await expect(alice.commit(home.id, [remeta({ ...a, version: 5 })])).rejects.toBeInstanceOf(ConflictError)
  await expect(alice.commit(home.id, [remeta(a, { base: seedOf('x') })])).rejects.toBeInstanceOf(
    ConflictError,
  )
  await expect(alice.commit(home.id, [remeta(a, { gen: 2 })])).rejects.toBeInstanceOf(ConflictError)
  await alice.commit(home.id, [remove(a)])
  const gone = nodeOf(remove(a), a)
  await expect(alice.commit(home.id, [remeta(gone)])).rejects.toBeInstanceOf(NotFoundError)
  await expect(alice.commit(home.id, [first])).rejects.toBeInstanceOf(ConflictError)
  await expect(
    alice.commit(home.id, [{ ...remeta(gone), kind: CHANGE_KIND.restore }]),
  ).rejects.toBeInstanceOf(MalformedError)
})

test('attack 32: an operation counts only from the device that signed it', async () => {
  const bob = await pool.join(alice, 'bob')
  const changes = [changeCodec.encode(create('a', home.root))]
  const signed = alice.sign(home.id, changes)
  await expect(bob.call(methods.commitOperation, { operation: signed, changes })).rejects.toBeInstanceOf(
    UntrustedError,
  )
  await expect(bob.commit(home.id, [create('a', home.root)], { member: alice.id })).rejects.toBeInstanceOf(
    DeniedError,
  )
  await expect(
    bob.commit(home.id, [create('a', home.root)], { device: alice.device }),
  ).rejects.toBeInstanceOf(DeniedError)
})

test('attack 16: a stranger cannot write, read or locate, nor take rights by what he writes', async () => {
  const bob = await pool.join(alice, 'bob')
  await expect(bob.commit(home.id, [create('a', home.root)])).rejects.toBeInstanceOf(DeniedError)
  await expect(
    bob.commit(home.id, [create('a', home.root)], { via: [idOf('home grant')] }),
  ).rejects.toBeInstanceOf(DeniedError)
  const asBob = { space: home.id, node: home.root.id }
  await expect(bob.call(methods.listChildren, asBob)).rejects.toBeInstanceOf(DeniedError)
  await expect(bob.call(methods.locateBlobs, { space: home.id, blobs: [] })).rejects.toBeInstanceOf(
    DeniedError,
  )
  await expect(bob.call(methods.hasBlobs, { space: home.id, blobs: [] })).rejects.toBeInstanceOf(DeniedError)
  expect(await bob.call(methods.listSpaces, {})).toEqual({ spaces: [] })
  const { grant } = rootChange('home', bob.id)
  await expect(
    alice.commit(home.id, [create('a', home.root, grant === undefined ? {} : { grant })]),
  ).rejects.toBeInstanceOf(MalformedError)
})

test('a space begins with its root alone above, a full grant for its author, and little else', async () => {
  const genesis = (root: Change, more: Change[] = [], overrides = {}) =>
    alice.commit(ZERO_ID, [root, ...more], overrides)
  const bob = await pool.join(alice, 'bob')
  await expect(genesis(rootChange('x', bob.id))).rejects.toBeInstanceOf(DeniedError)
  await expect(genesis(rootChange('x', alice.id, { rights: 31 }))).rejects.toBeInstanceOf(DeniedError)
  await expect(genesis(rootChange('x', alice.id, { via: idOf('g') }))).rejects.toBeInstanceOf(DeniedError)
  await expect(genesis(rootChange('x', alice.id, { encGen: 2 }))).rejects.toBeInstanceOf(ConflictError)
  await expect(genesis(rootChange('x', alice.id, { gen: 2 }))).rejects.toBeInstanceOf(MalformedError)
  await expect(
    genesis(rootChange('x', alice.id, { commitments: { mk: seedOf('1'), ck: seedOf('2') } })),
  ).rejects.toBeInstanceOf(MalformedError)
  await expect(genesis(create('x', home.root))).rejects.toBeInstanceOf(MalformedError)
  await expect(genesis(rootChange('x', alice.id), [], { epoch: 1 })).rejects.toBeInstanceOf(MalformedError)
  await expect(genesis(rootChange('x', alice.id), [create('y', home.root)])).rejects.toBeInstanceOf(
    NotFoundError,
  )
  const root = rootChange('x', alice.id)
  const many = Array.from({ length: 16 }, (_, i) => create(`child ${i}`, nodeOf(root, undefined)))
  await expect(genesis(root, many)).rejects.toBeInstanceOf(CapacityError)
  await genesis(root, many.slice(1))
  expect((await alice.call(methods.listSpaces, {})).spaces[1]?.changes.length).toBe(16)
})

test('what an operation says about epoch, head, fence and its changes must be true', async () => {
  const a = [create('a', home.root)]
  const head = { size: 1, root: seedOf('root'), signature: new Uint8Array(64) }
  await expect(alice.commit(home.id, a, { epoch: 2 })).rejects.toBeInstanceOf(ConflictError)
  await expect(alice.commit(home.id, a, { head })).rejects.toBeInstanceOf(UntrustedError)
  await expect(alice.commit(home.id, a, { fence: 1 })).rejects.toBeInstanceOf(MalformedError)
  await expect(alice.commit(home.id, a, { root: seedOf('root') })).rejects.toBeInstanceOf(UntrustedError)
  await expect(alice.commit(home.id, [])).rejects.toBeInstanceOf(MalformedError)
  await expect(alice.commit(seedOf('no space'), a)).rejects.toBeInstanceOf(NotFoundError)
  await expect(alice.commit(home.id, [...a, ...a])).rejects.toBeInstanceOf(MalformedError)
  await alice.commit(home.id, a)
})

test('an operation that fails anywhere leaves nothing behind', async () => {
  const before = pool.store.read(({ log }) => log.size())
  const folder = create('folder', home.root)
  const orphan = create('orphan', { ...home.root, id: idOf('nowhere') })
  await expect(alice.commit(home.id, [folder, orphan])).rejects.toBeInstanceOf(NotFoundError)
  // The log admits this one: what it names is asked for by the tracker alone.
  const lacking = create('lacking', home.root, contents([seedOf('a blob that nobody stored')]))
  await expect(alice.commit(home.id, [folder, lacking])).rejects.toBeInstanceOf(NotFoundError)
  expect(await children(home.root.id)).toEqual([])
  expect(pool.store.read(({ log }) => log.size())).toBe(before)
  await expect(alice.commit(ZERO_ID, [rootChange('z', alice.id), orphan])).rejects.toBeInstanceOf(
    NotFoundError,
  )
  expect((await alice.call(methods.listSpaces, {})).spaces.length).toBe(1)
  expect((await alice.commit(home.id, [folder])).index).toBe(before)
  expect(await children(home.root.id)).toEqual(hexes('folder'))
})

test('deleting a folder takes all below it out of every listing, and nothing can be put there', async () => {
  const top = create('top', home.root)
  const middle = create('middle', nodeOf(top, undefined))
  const leaf = create('leaf', nodeOf(middle, undefined))
  await alice.commit(home.id, [top, middle, leaf])
  await alice.commit(home.id, [remove(nodeOf(top, undefined))])
  expect(await children(home.root.id)).toEqual([])
  await expect(children(idOf('middle'))).rejects.toBeInstanceOf(NotFoundError)
  const ids = ['top', 'middle', 'leaf'].map(idOf)
  expect((await alice.call(methods.getNodes, { space: home.id, nodes: ids })).nodes).toEqual([])
  await expect(alice.commit(home.id, [remeta(nodeOf(leaf, undefined))])).rejects.toBeInstanceOf(NotFoundError)
  await expect(alice.commit(home.id, [create('new', nodeOf(middle, undefined))])).rejects.toBeInstanceOf(
    NotFoundError,
  )
})

test('after a move the edges below are stale: a rotate mends each, in order within one operation', async () => {
  const a = create('a', home.root)
  const b = create('b', home.root)
  const below = create('below', nodeOf(a, undefined))
  const leaf = create('leaf', nodeOf(below, undefined))
  await alice.commit(home.id, [a, b, below, leaf])
  const moved = move(nodeOf(a, undefined), nodeOf(b, undefined))
  await alice.commit(home.id, [moved])
  const newA = nodeOf(moved, undefined)
  const write = remeta(nodeOf(leaf, undefined))
  await expect(alice.commit(home.id, [write])).rejects.toMatchObject({
    code: 'conflict',
    facts: { stale: new Uint8Array(idOf('below')) },
  })
  const mended = rotate(nodeOf(below, undefined), newA)
  await expect(alice.commit(home.id, [write, mended])).rejects.toBeInstanceOf(ConflictError)
  // The rotate makes the leaf's own edge stale in turn: it is mended by a rotate that carries the new metadata.
  const leafRotated = rotate(nodeOf(leaf, undefined), nodeOf(mended, undefined))
  await alice.commit(home.id, [mended, leafRotated])
  const { nodes } = await alice.call(methods.getNodes, { space: home.id, nodes: [idOf('leaf')] })
  expect(nodes[0]!.generations.length).toBe(2)
  await alice.commit(home.id, [remeta(nodeOf(leafRotated, undefined))])
})

test('a new node takes its keys from the newest generation of its parent', async () => {
  const a = create('a', home.root)
  await alice.commit(home.id, [a])
  const rotated = rotate(nodeOf(a, undefined), home.root)
  await alice.commit(home.id, [rotated])
  await expect(alice.commit(home.id, [create('x', nodeOf(a, undefined))])).rejects.toBeInstanceOf(
    ConflictError,
  )
  await alice.commit(home.id, [create('x', nodeOf(rotated, undefined))])
})

test('a stale node can be deleted and moved: nothing is written under its old edge', async () => {
  const a = create('a', home.root)
  const one = create('one', nodeOf(a, undefined))
  const two = create('two', nodeOf(a, undefined))
  await alice.commit(home.id, [a, one, two])
  await alice.commit(home.id, [rotate(nodeOf(a, undefined), home.root)])
  await alice.commit(home.id, [remove(nodeOf(one, undefined)), move(nodeOf(two, undefined), home.root)])
  expect(await children(idOf('a'))).toEqual([])
  // Children come in the order of their creation, wherever they were created.
  expect(await children(home.root.id)).toEqual(hexes('a', 'two'))
})

test('moves make no cycles, rotates no moves, and a root keeps its keys', async () => {
  const a = create('a', home.root)
  const b = create('b', nodeOf(a, undefined))
  await alice.commit(home.id, [a, b])
  const [nodeA, nodeB] = [nodeOf(a, undefined), nodeOf(b, undefined)]
  await expect(alice.commit(home.id, [move(nodeA, nodeB)])).rejects.toBeInstanceOf(ConflictError)
  await expect(alice.commit(home.id, [move(nodeA, nodeA)])).rejects.toBeInstanceOf(ConflictError)
  await expect(alice.commit(home.id, [rotate(nodeB, home.root)])).rejects.toBeInstanceOf(ConflictError)
  await expect(alice.commit(home.id, [rotate(home.root, home.root)])).rejects.toBeInstanceOf(DeniedError)
  const both = [create('c', home.root), move(nodeB, home.root), move(nodeA, nodeB)]
  await expect(alice.commit(home.id, both)).rejects.toBeInstanceOf(ConflictError)
  await alice.commit(home.id, [both[0]!, both[1]!])
})

test('random keys are sealed to every grantee above and to nobody else', async () => {
  const a = create('a', home.root)
  await alice.commit(home.id, [a])
  const commitments = { mk: seedOf('mk'), ck: seedOf('ck') }
  const back = new Uint8Array(112)
  const withSealed = (sealed: readonly (readonly [Uint8Array, number, Uint8Array])[]) =>
    rotate(nodeOf(a, undefined), home.root, {
      keyRecord: {
        parent: home.root.id,
        parentGen: 1,
        form: 1,
        commitments,
        sealed,
        backMk: back,
        backCk: back,
      },
    })
  const to = (member: Uint8Array, gen = 1) => [member, gen, new Uint8Array(112)] as const
  await expect(alice.commit(home.id, [withSealed([])])).rejects.toBeInstanceOf(ConflictError)
  await expect(alice.commit(home.id, [withSealed([to(seedOf('eve'))])])).rejects.toBeInstanceOf(ConflictError)
  await expect(alice.commit(home.id, [withSealed([to(alice.id), to(alice.id)])])).rejects.toBeInstanceOf(
    ConflictError,
  )
  await expect(alice.commit(home.id, [withSealed([to(alice.id, 2)])])).rejects.toBeInstanceOf(ConflictError)
  await alice.commit(home.id, [withSealed([to(alice.id)])])
})

test('a file has no children and a folder with children no contents', async () => {
  await pool.addProviders(alice, 3)
  const made = testStripe('s', 1, 3)
  await pool.storeStripe(alice, home, made)
  const refs = contents([made.blobs[0]![0]])
  const file = create('file', home.root, refs)
  const folder = create('folder', home.root)
  const child = create('child', nodeOf(folder, undefined))
  await alice.commit(home.id, [file, folder, child])
  await expect(alice.commit(home.id, [create('x', nodeOf(file, undefined))])).rejects.toBeInstanceOf(
    ConflictError,
  )
  await expect(alice.commit(home.id, [write(nodeOf(folder, undefined), refs)])).rejects.toBeInstanceOf(
    ConflictError,
  )
  const fresh = create('fresh', home.root)
  const under = create('under', nodeOf(fresh, undefined))
  await expect(
    alice.commit(home.id, [fresh, under, write(nodeOf(folder, undefined), refs)]),
  ).rejects.toBeInstanceOf(ConflictError)
})

test('a page ends at its limits and the next goes on, without gap or repetition', async () => {
  const all: string[] = []
  for (let batch = 0; batch < 3; batch++) {
    const labels = Array.from({ length: 900 }, (_, i) => `n${batch} ${i}`)
    await alice.commit(
      home.id,
      labels.map((label) => create(label, home.root)),
    )
    all.push(...hexes(...labels))
  }
  const seen: string[] = []
  let cursor: Uint8Array | undefined
  do {
    const page = await alice.call(methods.listChildren, { space: home.id, node: home.root.id, cursor })
    expect(page.nodes.length).toBeLessThanOrEqual(1_000)
    seen.push(...page.nodes.map(({ node }) => toHex(node)))
    cursor = page.cursor
  } while (cursor !== undefined)
  expect(seen).toEqual(all)
})
