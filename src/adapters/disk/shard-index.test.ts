import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareBytes, toHex } from '../../core/open/bytes.ts'
import { listShards } from './list-shards.ts'
import type { IndexEntry } from './shard-index.ts'
import { ShardIndex } from './shard-index.ts'

/** Few different ids, so that operations meet; some share long beginnings, as made-up ones may. */
const ids = fc.nat(200).map((n) => {
  const id = new Uint8Array(32).fill(n % 3 === 0 ? 7 : n)
  id[31] = n
  return id
})
const entries = fc.record<IndexEntry>({
  segment: fc.integer({ min: 1, max: 0xffff_ffff }),
  offset: fc.nat(0xffff_ffff),
  length: fc.nat(5_000_000),
  state: fc.constantFrom('whole', 'damaged', 'lost'),
})
const operations = fc.array(
  fc.oneof(
    fc.record({ set: ids, entry: entries }),
    fc.record({ delete: ids }),
    fc.record({ segment: fc.integer({ min: 1, max: 3 }), set: ids }),
  ),
  { maxLength: 600, size: 'max' },
)

test('behaves like a map', () => {
  fc.assert(
    fc.property(operations, (list) => {
      const index = new ShardIndex()
      const model = new Map<string, IndexEntry>()
      for (const operation of list) {
        if ('delete' in operation) {
          const name = toHex(operation.delete)
          expect(index.delete(operation.delete)).toEqual(model.get(name))
          model.delete(name)
          continue
        }
        const entry =
          'entry' in operation
            ? operation.entry
            : { segment: operation.segment, offset: 1, length: 2, state: 'whole' as const }
        const name = toHex(operation.set)
        expect(index.set(operation.set, entry)).toEqual(model.get(name))
        model.set(name, entry)
      }
      expect(index.size).toBe(model.size)
      for (const [name, entry] of model) expect(index.get(Buffer.from(name, 'hex'))).toEqual(entry)
      const found = index.within(0, 0xffff_ffff).map(({ id }) => toHex(id))
      expect(found.sort()).toEqual([...model.keys()].sort())
      const inTwo = [...model].filter(([, { segment }]) => segment === 2).map(([name]) => name)
      expect(
        index
          .inSegment(2)
          .map(({ id }) => toHex(id))
          .sort(),
      ).toEqual(inTwo.sort())
    }),
    { numRuns: 200 },
  )
})

test('pages list crowded ids in order, each once', () => {
  const index = new ShardIndex()
  const all: Uint8Array[] = []
  for (let i = 0; i < 3_000; i++) {
    const id = new Uint8Array(32)
    new DataView(id.buffer).setUint32(i % 2 === 0 ? 28 : 0, i * 1_000)
    id[27] = 1
    index.set(id, { segment: 1, offset: i, length: i, state: 'whole' })
    all.push(id)
  }
  const listed: Uint8Array[] = []
  for (let after: Uint8Array | undefined; ;) {
    const page = listShards(index, after, 10)
    expect(page.shards.length).toBeLessThanOrEqual(20)
    listed.push(...page.shards.map(({ id }) => id))
    after = page.next
    if (after === undefined) break
  }
  expect(listed.map(toHex)).toEqual(all.toSorted(compareBytes).map(toHex))
})
