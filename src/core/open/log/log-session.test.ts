import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogTwin } from '../../../../test/fixtures/log/log-twin.ts'
import { TestWitness, signed, twinWithHome } from '../../../../test/fixtures/log/log-twin.ts'
import { seedOf } from '../../../../test/fixtures/provider-pool.ts'
import type {
  TestMember,
  TestNode,
  TestSpace,
  TrackerPool,
} from '../../../../test/fixtures/tracker/tracker-pool.ts'
import {
  TestMember as Member,
  create,
  contents,
  idOf,
  move,
  nodeOf,
  remeta,
  remove,
  rotate,
  write,
} from '../../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives as p } from '../../../adapters/native/node-primitives.ts'
import { equalBytes, toHex } from '../bytes.ts'
import {
  AllmendError,
  ConflictError,
  DeniedError,
  FolderError,
  ForkedError,
  UntrustedError,
} from '../errors.ts'
import type { Change } from '../objects/change.ts'
import { changeCodec } from '../objects/change.ts'
import type { Operation } from '../objects/operation.ts'
import { ZERO_ID } from '../objects/suite.ts'
import { signCheckpoint } from './heads/checkpoint.ts'
import type { EntryKind } from './entry.ts'
import { ENTRY_KIND, entryCodec, entryHash, headsCodec, touchedRoot, touchesCodec } from './entry.ts'
import { LogSession } from './log-session.ts'
import { mapChild, mapChildren, mapName, mapNode, mapRecord } from './map/map-key.ts'
import { pageOfPrefix } from './map/map-proof.ts'

let pool: TrackerPool
let twin: LogTwin
let alice: TestMember
let home: TestSpace
beforeEach(async () => void ({ pool, twin, alice, home } = await twinWithHome()))
afterEach(() => pool.close())

const NONE = new Uint8Array(0)

const operation = (member: TestMember, changes: readonly Change[], overrides: Partial<Operation> = {}) =>
  twin.operation(member, home.id, changes, overrides)

const listed = (node: Uint8Array) =>
  pageOfPrefix(twin.session.map, mapChildren(p, home.id, node), 1_000)
    .leaves.map(({ key }) => toHex(key))
    .sort()
const children = (parent: Uint8Array, ...labels: string[]) =>
  labels.map((label) => toHex(mapChild(p, home.id, parent, idOf(label)))).sort()

interface ModelNode {
  node: TestNode
  isDeleted: boolean
  isFile: boolean
  isFolder: boolean
}

/** SECURITY.md section 4 on a tree in memory, by somebody who has every right. */
function allows(model: readonly ModelNode[], what: string, at: ModelNode, under: ModelNode): boolean {
  const parentOf = (some: ModelNode) => model.find(({ node }) => equalBytes(node.id, some.node.parent))
  const isSound = (some: ModelNode): boolean => {
    if (some.isDeleted) return false
    const parent = parentOf(some)
    return parent === undefined || (parent.node.gen === some.node.parentGen && isSound(parent))
  }
  const isWithin = (some: ModelNode, folder: ModelNode): boolean => {
    if (some === folder) return true
    const parent = parentOf(some)
    return parent !== undefined && isWithin(parent, folder)
  }
  const holds = (folder: ModelNode) => isSound(folder) && !folder.isFile
  const parent = parentOf(at)
  switch (what) {
    case 'create':
    case 'file':
      return holds(under)
    case 'write':
      return isSound(at) && !at.isFolder && parent !== undefined
    case 'meta':
      return isSound(at)
    case 'delete':
      return !at.isDeleted && (parent === undefined || isSound(parent))
    case 'rotate':
      return !at.isDeleted && parent !== undefined && isSound(parent)
    default:
      return !at.isDeleted && parent !== undefined && isSound(parent) && holds(under) && !isWithin(under, at)
  }
}

describe('log session', () => {
  it('admits what a simple model of a space allows, and nothing else; witnesses come to its map', async () => {
    const bob = await twin.join(alice, 'bob')
    const kinds = ['create', 'file', 'write', 'meta', 'move', 'rotate', 'delete'] as const
    const flaws = [
      'base',
      'version',
      'gen',
      'content',
      'epoch',
      'counter',
      'prevOp',
      'author',
      'root',
    ] as const
    const step = fc.record({
      what: fc.constantFrom(...kinds),
      node: fc.nat(12),
      parent: fc.nat(12),
      flaw: fc.option(fc.constantFrom(...flaws), { nil: undefined, freq: 3 }),
    })
    let serial = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const space = twin.createSpace(alice, `space ${serial++}`)
        const model: ModelNode[] = [{ node: space.root, isDeleted: false, isFile: false, isFolder: false }]
        for (const [i, { what, node, parent, flaw }] of steps.entries()) {
          const at = model[node % model.length]!
          const under = model[parent % model.length]!
          const above = model.find(({ node }) => equalBytes(node.id, at.node.parent)) ?? at
          const bent: Partial<Change> = {
            ...(flaw === 'base' ? { base: seedOf('base') } : {}),
            ...(flaw === 'version' ? { version: at.node.version + 2 } : {}),
            ...(flaw === 'gen' ? { gen: at.node.gen + 2 } : {}),
            ...(flaw === 'content' ? { content: seedOf('content') } : {}),
          }
          const label = `${serial} ${i}`
          const isNew = what === 'create' || what === 'file'
          const change = {
            create: () => create(label, under.node),
            file: () => create(label, under.node, contents([])),
            write: () => write(at.node, contents([]), bent),
            meta: () => remeta(at.node, bent),
            move: () => move(at.node, under.node, bent),
            rotate: () => rotate(at.node, above.node, bent),
            delete: () => remove(at.node, bent),
          }[what]()
          const author = flaw === 'author' ? bob : alice
          const object = twin.operation(author, space.id, [change], {
            ...(flaw === 'epoch' ? { epoch: 2 } : {}),
            ...(flaw === 'counter' ? { counter: author.counter + 2 } : {}),
            ...(flaw === 'prevOp' ? { prevOp: seedOf('prevOp') } : {}),
            ...(flaw === 'root' ? { root: seedOf('root') } : {}),
          })
          const isHarmless =
            flaw === undefined || (isNew && ['base', 'version', 'gen', 'content'].includes(flaw))
          const before = [toHex(twin.session.tree.root()), twin.session.size]
          let isAdmitted = true
          try {
            twin.submit(object)
            signed(author, object.body)
          } catch (error) {
            expect(error).toBeInstanceOf(AllmendError)
            expect([toHex(twin.session.tree.root()), twin.session.size]).toEqual(before)
            isAdmitted = false
          }
          expect(isAdmitted, `${what} ${flaw}`).toBe(isHarmless && allows(model, what, at, under))
          if (!isAdmitted) continue
          const target = isNew || what === 'move' ? under : above
          if (isNew || target !== at) target.isFolder = true
          const next = nodeOf(change, isNew ? undefined : at.node)
          if (isNew) model.push({ node: next, isDeleted: false, isFile: what === 'file', isFolder: false })
          else
            Object.assign(at, {
              node: next,
              isDeleted: what === 'delete',
              isFile: at.isFile || what === 'write',
            })
        }
        const checkpoint = twin.seal()
        const witness = new TestWitness('w')
        witness.witness(twin, checkpoint)
        expect(toHex(witness.session.map.root)).toBe(toHex(twin.session.map.root))
      }),
      { numRuns: 60 },
    )
  })

  it('keeps placements, newest versions and names in the map; what left a folder is out of its list', async () => {
    const folder = create('folder', home.root)
    const [a, b] = [create('a', home.root), create('b', home.root, contents([]))]
    twin.commit(alice, home.id, [folder, a, b])
    twin.seal()
    const root = home.root.id
    expect(listed(root)).toEqual(children(root, 'folder', 'a', 'b'))
    const moved = move(nodeOf(a, undefined), nodeOf(folder, undefined))
    twin.commit(alice, home.id, [moved, remove(nodeOf(b, undefined))])
    const index = twin.session.size - 1
    twin.seal()
    expect(listed(root)).toEqual(children(root, 'folder'))
    expect(listed(idOf('folder'))).toEqual(children(idOf('folder'), 'a'))
    const { map } = twin.session
    const hash = entryHash(p.sha256, twin.storage.leaf(index)!.leaf)
    for (const node of ['a', 'b'])
      expect(toHex(map.get(mapNode(p, home.id, idOf(node)))!.value)).toBe(toHex(hash))
    expect(map.get(mapName(p, 'alice'))!.index).toBe(1)
    expect(map.get(mapRecord(p, alice.id))!.index).toBe(1)
    expect(map.get(mapName(p, 'bob'))).toBeUndefined()
  })

  it('links each touch to the one before, back to the first', async () => {
    let node = nodeOf(create('a', home.root), undefined)
    twin.commit(alice, home.id, [create('a', home.root)])
    for (let i = 0; i < 5; i++) {
      const change = remeta(node)
      twin.commit(alice, home.id, [change])
      node = nodeOf(change, node)
      if (i % 2 === 0) {
        twin.seal()
      }
    }
    twin.seal()
    const key = mapChild(p, home.id, home.root.id, idOf('a'))
    let { index, value } = twin.session.map.get(key)!
    const versions: number[] = []
    while (!equalBytes(value, ZERO_ID)) {
      const { leaf, touches } = twin.storage.leaf(index)!
      expect(toHex(entryHash(p.sha256, leaf))).toBe(toHex(value))
      const all = touchesCodec.decode(touches)
      expect(toHex(touchedRoot(p.sha256, all))).toBe(toHex(entryCodec.decode(leaf).touched))
      versions.push(changeCodec.decode(twin.changes[index]![0]!).version)
      ;[, index, value] = all.find(([touched]) => equalBytes(touched, key))!
    }
    expect(versions).toEqual([6, 5, 4, 3, 2, 1])
  })

  it('is whole again after a restart at any moment, and after a transaction that failed', async () => {
    const roots = () => [twin.session.size, toHex(twin.session.tree.root()), toHex(twin.session.map.root)]
    for (let i = 0; i < 12; i++) {
      twin.commit(alice, home.id, [create(`n${i}`, home.root)])
      if (i % 3 === 1) twin.seal()
      const before = roots()
      twin.reopen()
      expect(roots()).toEqual(before)
      expect(() =>
        twin.write((session) => {
          session.admit(operation(alice, [create(`lost ${i}`, home.root)]))
          session.seal(pool.clock.now())
          throw new Error('undone')
        }),
      ).toThrow('undone')
      expect(roots()).toEqual(before)
    }
    twin.seal()
    const witness = new TestWitness('w')
    witness.witness(twin, twin.sign())
    expect(toHex(witness.session.map.root)).toBe(toHex(twin.session.map.root))
  })

  it('keeps no more of the map in memory than it may, however many files come', () => {
    twin.session = new LogSession(p, twin.storage, { kept: 64, most: 128 })
    for (let batch = 0; batch < 12; batch++) {
      for (let i = 0; i < 25; i++) twin.commit(alice, home.id, [create(`n${batch}/${i}`, home.root)])
      twin.seal()
      expect(twin.session.map.isFull).toBe(false)
    }
    const root = toHex(twin.session.map.root)
    twin.reopen()
    expect(toHex(twin.session.map.root)).toBe(root)
    const witness = new TestWitness('w')
    witness.witness(twin, twin.sign())
    expect(toHex(witness.session.map.root)).toBe(root)
  })

  it('finds a stored log that does not lead to the stored map', async () => {
    twin.commit(alice, home.id, [create('a', home.root)])
    twin.seal()
    const { leaf } = twin.storage.leaf(3)!
    Object.assign(twin.storage.leaf(3)!, { leaf, touches: touchesCodec.encode([]) })
    expect(() => twin.reopen()).toThrow(FolderError)
  })

  it('time never falls, and expiry is by the time of the entry', async () => {
    const [body, byMember, byDevice] = await alice.certificate({
      serial: 2,
      notAfter: Math.floor(pool.clock.now() / 1_000) + 10,
    })
    const signatures = new Uint8Array(128)
    signatures.set(byMember)
    signatures.set(byDevice, 64)
    const later = pool.clock.now() + 10_000
    twin.submit({ kind: ENTRY_KIND.certificate, time: later, body, signatures, changes: [] })
    const first = operation(alice, [create('a', home.root)])
    expect(twin.submit({ ...first, time: 5 }).entry.time).toBe(later)
    signed(alice, first.body)
    const second = operation(alice, [create('b', home.root)])
    expect(() => twin.submit({ ...second, time: later + 1_000 })).toThrow(DeniedError)
  })

  it('records follow each other: name and keys stay, the number rises', async () => {
    const [body] = await alice.record()
    const submit = (kind: EntryKind, bytes: Uint8Array, signatures: Uint8Array) =>
      twin.submit({ kind, time: pool.clock.now(), body: bytes, signatures, changes: [] })
    const again = await alice.record()
    expect(() => submit(ENTRY_KIND.memberRecord, ...again)).toThrow(ConflictError)
    const stranger = new Member(pool, 'mallory')
    const [record, signature] = await stranger.record()
    expect(() => submit(ENTRY_KIND.memberRecord, record, signature)).toThrow(DeniedError)
    expect(() => submit(ENTRY_KIND.memberRecord, body, signature)).toThrow(UntrustedError)
    expect(() => submit(ENTRY_KIND.genesis, pool.genesis, NONE)).toThrow(UntrustedError)
    expect(() => submit(ENTRY_KIND.heads, headsCodec.encode({ v: 1, map: ZERO_ID }), NONE)).toThrow(
      AllmendError,
    )
  })

  it('an operation names a head of this log; one of another history, signed, stops everything', async () => {
    twin.commit(alice, home.id, [create('a', home.root)])
    const { size, root } = twin.seal()
    const attempt = (head: Operation['head']) =>
      twin.submit(operation(alice, [create('b', home.root)], { head }))
    expect(() => attempt({ size, root, signature: seedOf('no') })).toThrow(UntrustedError)
    expect(() => attempt({ size: 0, root, signature: NONE })).toThrow(UntrustedError)
    const foreign = signCheckpoint(p, twin.identity, pool.logSeed, { size, root: seedOf('other') })
    expect(() => attempt(foreign)).toThrow(ForkedError)
    const ahead = signCheckpoint(p, twin.identity, pool.logSeed, { size: size + 9, root })
    expect(() => attempt(ahead)).toThrow(ForkedError)
    const { text: _, others: __, ...head } = twin.sign()
    attempt(head)
  })

  it('a change without contents names those that the node has; only before there was a log it need not', async () => {
    let file = nodeOf(create('file', home.root, contents([])), undefined)
    const folder = nodeOf(create('folder', home.root), undefined)
    twin.commit(alice, home.id, [create('file', home.root, contents([])), create('folder', home.root)])
    const old = file.content
    const written = write(file, contents([], [seedOf('list')]))
    twin.commit(alice, home.id, [written])
    file = nodeOf(written, file)
    expect(file.content).toEqual(file.head)
    twin.seal()
    const { text: _, others: __, ...head } = twin.sign()
    const attempt = (changes: readonly Change[], overrides: Partial<Operation> = { head }) =>
      twin.submit(operation(alice, changes, overrides))
    for (const content of [undefined, old, seedOf('none')])
      for (const change of [
        remeta(file, { content }),
        move(file, folder, { content }),
        rotate(file, home.root, { content }),
        remove(file, { content }),
      ])
        expect(() => attempt([change])).toThrow(ConflictError)
    expect(() => attempt([remeta(folder, { content: old })])).toThrow(ConflictError)
    // Signed when nobody knew of logs; what is named even so must be true.
    expect(() => attempt([remeta(file, { content: old })], {})).toThrow(ConflictError)
    const unnamed = remeta(file, { content: undefined })
    twin.commit(alice, home.id, [unnamed])
    file = nodeOf(unnamed, file)
    attempt([move(file, folder)])
    const witness = new TestWitness('w')
    witness.witness(twin, twin.seal())
    expect(toHex(witness.session.map.root)).toBe(toHex(twin.session.map.root))
  })
})
