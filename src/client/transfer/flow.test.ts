import { beforeEach, expect, test } from 'vitest'
import { Flow } from './flow.ts'

const MIB = 1024 * 1024
let now: number
let latency: number | undefined
let flow: Flow
beforeEach(() => {
  now = 1_000
  latency = undefined
  flow = new Flow(
    () => now,
    () => latency,
  )
})

/** Moves so many bytes at this rate, in frames. */
function move(bytes: number, perSecond: number): void {
  const frame = 64 * 1024
  for (let at = 0; at < bytes; at += frame) {
    now += (frame / perSecond) * 1_000
    flow.moved(frame)
  }
}

function transfer(bytes: number, perSecond: number, afterMs = 0): void {
  flow.expect(bytes)
  flow.begin()
  now += afterMs
  move(bytes, perSecond)
  flow.end()
}

test('the rate is that of the bytes, whatever time passed between transfers and before their first byte', () => {
  latency = 100
  for (let i = 0; i < 10; i++) {
    transfer(4 * MIB, 10e6, latency)
    now += 60_000
  }
  expect(flow.rate).toBeGreaterThan(9e6)
  expect(flow.rate).toBeLessThan(11e6)
  expect(flow.underWay).toBe(0)
})

test('transfers side by side are counted together', () => {
  for (let i = 0; i < 3; i++) {
    flow.expect(4 * MIB)
    flow.begin()
  }
  move(12 * MIB, 20e6)
  for (let i = 0; i < 3; i++) flow.end()
  expect(flow.rate).toBeGreaterThan(18e6)
  expect(flow.rate).toBeLessThan(22e6)
})

test('it follows a line that becomes slow, and one that becomes quick again, within seconds', () => {
  transfer(8 * MIB, 10e6)
  transfer(MIB, 125_000)
  expect(flow.rate).toBeLessThan(140_000)
  transfer(16 * MIB, 10e6)
  expect(flow.rate).toBeGreaterThan(9e6)
})

test('silence in the middle of a transfer counts while it lasts, and after it was given up', () => {
  transfer(8 * MIB, 10e6)
  flow.expect(4 * MIB)
  flow.begin()
  now += 400
  expect(flow.rate).toBeGreaterThan(9e6)
  now += 1_600
  expect(flow.rate).toBeLessThan(1)
  flow.forgo(4 * MIB)
  flow.end()
  expect(flow.rate).toBeLessThan(2e6)
  expect(flow.underWay).toBe(0)
})

test('who never sent a byte is as slow as that', () => {
  flow.expect(MIB)
  flow.begin()
  now += 2_000
  flow.end()
  flow.forgo(MIB)
  expect(flow.rate).toBe(0)
})
