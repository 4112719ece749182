import { expect, test } from 'vitest'
import { MalformedError } from '../errors.ts'
import type { Change } from './change.ts'
import { CHANGE_KIND, FORM_DERIVED, FORM_RANDOM, RIGHT, checkChange } from './change.ts'
import { effectiveRights, hasRight } from './rights.ts'

const b = (length: number) => new Uint8Array(length).fill(7)
const commitments = { mk: b(32), ck: b(32) }
const derived = { parent: b(16), parentGen: 1, form: FORM_DERIVED } as const
const back = { backMk: b(112), backCk: b(112) }
const create: Change = {
  kind: CHANGE_KIND.create,
  node: b(16),
  version: 1,
  gen: 1,
  keyRecord: derived,
  meta: b(144),
}
const write: Change = {
  kind: CHANGE_KIND.write,
  node: b(16),
  version: 2,
  base: b(32),
  gen: 1,
  meta: b(144),
  manifest: b(99),
  refs: { ids: [], lists: [] },
}
const move: Change = {
  kind: CHANGE_KIND.move,
  node: b(16),
  version: 2,
  base: b(32),
  gen: 2,
  keyRecord: { ...derived, ...back },
  meta: b(144),
}
const remove: Change = { kind: CHANGE_KIND.delete, node: b(16), version: 2, base: b(32), gen: 1 }

test('whole changes are taken', () => {
  for (const change of [create, write, move, remove]) checkChange(change)
  for (const change of [move, remove]) checkChange({ ...change, content: b(32) })
  checkChange({ ...create, keyRecord: { ...derived, form: FORM_RANDOM, commitments, sealed: [] } })
})

test.each<[string, Change]>([
  ['a create with a base', { ...create, base: b(32) }],
  ['a create without a key record', { ...create, keyRecord: undefined }],
  ['a create without metadata', { ...create, meta: undefined }],
  ['a create at version 2', { ...create, version: 2 }],
  ['a create at generation 2', { ...create, gen: 2, keyRecord: { ...derived, ...back } }],
  ['a write without a base', { ...write, base: undefined }],
  ['a write with a key record', { ...write, keyRecord: derived }],
  ['a manifest without refs', { ...write, refs: undefined }],
  ['refs without a manifest', { ...create, refs: { ids: [], lists: [] } }],
  ['a move without the previous keys', { ...move, keyRecord: derived }],
  ['a move with half of the previous keys', { ...move, keyRecord: { ...derived, backMk: b(112) } }],
  ['a first generation with previous keys', { ...create, keyRecord: { ...derived, ...back } }],
  [
    'random keys without commitments',
    { ...create, keyRecord: { ...derived, form: FORM_RANDOM, sealed: [] } },
  ],
  ['random keys without seals', { ...create, keyRecord: { ...derived, form: FORM_RANDOM, commitments } }],
  ['derived keys with commitments', { ...create, keyRecord: { ...derived, commitments } }],
  ['a create that names contents', { ...create, content: b(32) }],
  ['contents beside a name of others', { ...write, content: b(32) }],
  ['a delete with metadata', { ...remove, meta: b(144) }],
  ['version 0', { ...remove, version: 0 }],
  ['generation 0', { ...remove, gen: 0 }],
  ['a reserved kind: restore', { ...remove, kind: CHANGE_KIND.restore }],
  ['a reserved kind: link', { ...remove, kind: CHANGE_KIND.link }],
])('refused: %s', (_, change) => {
  expect(() => checkChange(change)).toThrow(MalformedError)
})

test('rights contain others as the rule says', () => {
  const { read, download, write, delete: remove, share, admin } = RIGHT
  expect(effectiveRights(write)).toBe(write | download | read)
  expect(effectiveRights(share)).toBe(share | download | read)
  expect(effectiveRights(download)).toBe(download | read)
  expect(effectiveRights(remove)).toBe(remove)
  expect(effectiveRights(admin)).toBe(admin)
  expect(hasRight(read, download)).toBe(false)
  expect(hasRight(download, write)).toBe(false)
  expect(hasRight(write, read | download)).toBe(true)
})
