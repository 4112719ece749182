import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TestMember, TestNode, TestSpace } from '../../test/fixtures/tracker/tracker-pool.ts'
import {
  TrackerPool,
  create,
  idOf,
  move,
  nodeOf,
  remeta,
  remove,
  rotate,
} from '../../test/fixtures/tracker/tracker-pool.ts'
import { toHex } from '../core/open/bytes.ts'
import { AllmendError, InternalError } from '../core/open/errors.ts'
import type { Change } from '../core/open/objects/change.ts'
import { getNodes, listChildren } from '../core/open/protocol/tracker-methods.ts'

/** Few names, so that operations meet. */
const NAMES = 7
const step = fc.record({
  what: fc.constantFrom('create', 'meta', 'move', 'rotate', 'delete'),
  name: fc.nat(NAMES - 1),
  parent: fc.nat(NAMES),
})
const operations = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.uniqueArray(step, { minLength: 1, maxLength: 4, selector: ({ name }) => name }),
    },
    { weight: 1, arbitrary: fc.array(step, { minLength: 1, maxLength: 4 }) },
  ),
  { minLength: 6, maxLength: 24 },
)

type State = ReadonlyMap<number, TestNode>

function changeOf(
  { what, name, parent }: { what: string; name: number; parent: number },
  label: (name: number) => string,
  state: State,
  space: TestSpace,
): Change | undefined {
  const under = parent === NAMES ? space.root : state.get(parent)
  if (what === 'create') return under === undefined ? undefined : create(label(name), under)
  const node = state.get(name)
  if (node === undefined) return undefined
  if (what === 'meta') return remeta(node)
  if (what === 'delete') return remove(node)
  if (what === 'move') return under === undefined ? undefined : move(node, under)
  const above = [space.root, ...state.values()].find(({ id }) => toHex(id) === toHex(node.parent))
  return above === undefined ? undefined : rotate(node, above)
}

/** Everything that listing from the root finds. */
async function listed(alice: TestMember, space: TestSpace): Promise<string[]> {
  const found: string[] = []
  const open = [space.root.id]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const { nodes } = await alice.call(listChildren, { space: space.id, node })
    for (const view of nodes) {
      found.push(toHex(view.node))
      open.push(view.node)
    }
  }
  return found.toSorted()
}

test('whatever a member signs, the tree stays a tree, listings and lookups agree, and what is refused leaves no trace', async () => {
  const pool = new TrackerPool()
  const alice = await pool.found()
  let run = 0
  let accepted = 0
  let refused = 0
  await fc.assert(
    fc.asyncProperty(operations, async (list) => {
      run++
      const label = (name: number) => `run ${run} node ${name}`
      const space = await alice.createSpace(`run ${run}`)
      const nodes = new Map<number, TestNode>()
      const first = [0, 1, 2, 3].map((name) => create(label(name), space.root))
      await alice.commit(space.id, first)
      for (const [name, change] of first.entries()) nodes.set(name, nodeOf(change, undefined))
      for (const steps of list) {
        // What each change would make of its node, as the author goes along.
        const draft = new Map(nodes)
        const changes: Change[] = []
        for (const one of steps) {
          const change = changeOf(one, label, draft, space)
          if (change === undefined) continue
          changes.push(change)
          draft.set(one.name, nodeOf(change, draft.get(one.name)))
        }
        if (changes.length === 0) continue
        const before = await listed(alice, space)
        try {
          await alice.commit(space.id, changes)
          accepted++
          for (const [name, node] of draft) nodes.set(name, node)
        } catch (error) {
          if (!(error instanceof AllmendError) || error instanceof InternalError) throw error
          refused++
          expect(await listed(alice, space)).toEqual(before)
        }
        const there = await listed(alice, space)
        expect(new Set(there).size).toBe(there.length)
        const all = Array.from({ length: NAMES }, (_, name) => idOf(label(name)))
        const found = await alice.call(getNodes, { space: space.id, nodes: all })
        expect(found.nodes.map(({ node }) => toHex(node)).toSorted()).toEqual(there)
        for (const view of found.nodes) {
          const known = [...nodes.values()].find(({ id }) => toHex(id) === toHex(view.node))!
          expect([toHex(view.head), view.version]).toEqual([toHex(known.head), known.version])
          expect(view.generations.length).toBe(known.gen)
        }
      }
    }),
    { numRuns: 40 },
  )
  // Both must happen often, or this tests nothing.
  expect(accepted).toBeGreaterThan(50)
  expect(refused).toBeGreaterThan(50)
  pool.close()
}, 120_000)
