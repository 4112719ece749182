import { beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import { ASKED_ELSEWHERE, ASKED_FREE, ASKED_WINDOW_MS, AskedBlobs } from './asked-blobs.ts'

const [home, alice, bob] = ['home', 'alice', 'bob'].map(seedOf) as [Uint8Array, Uint8Array, Uint8Array]
const some = (count: number, label = '') =>
  Array.from({ length: count }, (_, i) => ({ blob: seedOf(`${label}${i}`), isCommitted: false }))

let asked: AskedBlobs
beforeEach(() => {
  asked = new AskedBlobs()
})

test('of what is committed nothing is kept, whoever asked for it', () => {
  const blobs = some(100)
  for (const member of [alice, bob]) expect(asked.mayAsk(home, member, blobs, 0, 0)).toBe(true)
  expect(asked.size).toBe(200)
  asked.committed(
    home,
    blobs.map(({ blob }) => blob),
  )
  expect(asked.size).toBe(0)
})

test('what was asked for counts for a day', () => {
  expect(asked.mayAsk(home, alice, some(ASKED_FREE), 0, 0)).toBe(true)
  expect(asked.mayAsk(home, alice, some(1, 'more'), 0, ASKED_WINDOW_MS - 1)).toBe(false)
  expect(asked.mayAsk(home, alice, some(1, 'more'), 0, ASKED_WINDOW_MS)).toBe(true)
  expect(asked.size).toBe(1)
})

test('a member who makes spaces to ask in costs the tracker no more than others', () => {
  let told = 0
  for (let space = 0; space < 20; space++)
    if (asked.mayAsk(seedOf(`space ${space}`), alice, some(2_500, `${space}/`), 0, 0)) told++
  expect(told).toBe(ASKED_ELSEWHERE / 2_500)
  expect(asked.size).toBe(ASKED_ELSEWHERE)
  // Of another member's spaces that says nothing.
  expect(asked.mayAsk(home, bob, some(ASKED_FREE), 0, 0)).toBe(true)
})
