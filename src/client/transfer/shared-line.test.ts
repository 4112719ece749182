import { beforeEach, expect, test } from 'vitest'
import { Flow } from './flow.ts'
import { SharedLine } from './shared-line.ts'

const MIB = 1024 * 1024
const FRAME = 64 * 1024
let now: number
let line: SharedLine
let flows: Flow[]
beforeEach(() => {
  now = 1_000
  line = new SharedLine(() => now)
  const unknown = () => undefined
  flows = Array.from({ length: 4 }, () => new Flow(() => now, unknown, undefined, line))
})

/** Moves so many bytes in all at this rate, in frames of one peer after the other. */
function move(bytes: number, perSecond: number): void {
  const each = bytes / flows.length
  for (const flow of flows) {
    flow.expect(each)
    flow.begin()
  }
  for (let at = 0; at < each; at += FRAME)
    for (const flow of flows) {
      now += (FRAME / perSecond) * 1_000
      flow.moved(FRAME)
    }
  for (const flow of flows) flow.end()
}

test('nothing is known until bytes came for a while', () => {
  expect(line.expectedMs(MIB)).toBeUndefined()
  flows[0]!.expect(MIB)
  flows[0]!.begin()
  flows[0]!.moved(MIB)
  flows[0]!.end()
  expect(line.expectedMs(MIB)).toBeUndefined()
  expect(line.expectedMs(MIB, MIB)).toBe(1_000)
  move(4 * MIB, 10e6)
  expect(line.expectedMs(10e6)).toBeCloseTo(1_000, -2)
})

test('it is the line that counts, not a peer\u2019s share of it, and all that is under way comes first', () => {
  move(40 * MIB, 10e6)
  expect(line.expectedMs(10e6)).toBeCloseTo(1_000, -2)
  flows[1]!.expect(5e6)
  flows[2]!.expect(10e6)
  flows[2]!.forgo(5e6)
  expect(line.expectedMs(10e6)).toBeCloseTo(2_000, -2)
})

test('pauses, bursts and slow peers change nothing; what was long ago does', () => {
  move(40 * MIB, 10e6)
  now += 10_000
  move(MIB, 10e6)
  // A queue that is emptied at once.
  move(4 * MIB, 1e9)
  move(8 * MIB, 1e6)
  expect(line.expectedMs(10e6)).toBeCloseTo(1_000, -2)
  for (let i = 0; i < 2; i++) {
    now += 6 * 60_000
    move(8 * MIB, 1e6)
  }
  expect(line.expectedMs(1e6)).toBeCloseTo(1_000, -2)
})

test('it is full while it moves about what it can, not when one peer is left that is slow', () => {
  expect(line.isFull()).toBe(false)
  move(40 * MIB, 10e6)
  expect(line.isFull()).toBe(false)
  flows[0]!.expect(40 * MIB)
  flows[0]!.begin()
  const one = (perSecond: number): void => {
    for (let at = 0; at < 8 * MIB; at += FRAME) {
      now += (FRAME / perSecond) * 1_000
      flows[0]!.moved(FRAME)
    }
  }
  one(7e6)
  expect(line.isFull()).toBe(true)
  now += 5_000
  expect(line.isFull()).toBe(false)
  one(3e6)
  expect(line.isFull()).toBe(false)
  one(7e6)
  expect(line.isFull()).toBe(true)
  expect(line.isFull(20e6)).toBe(false)
  flows[0]!.end()
  expect(line.isFull()).toBe(false)
})
