import { expect, it } from 'vitest'
import { RequestGate } from './request-gate.ts'

let now = 0
const gateOf = (): RequestGate => new RequestGate('127.0.0.1', () => now)

function passed(gate: RequestGate, host: (i: number) => string, requests: number): number {
  let count = 0
  for (let i = 0; i < requests; i++) if (gate.enter(host(i))) count++
  return count
}

it('bounds what one address may ask, and leaves others alone', () => {
  const gate = gateOf()
  expect(passed(gate, () => '192.0.2.1', 10_000)).toBe(4000)
  expect(passed(gate, () => '192.0.2.2', 1000)).toBe(1000)
  now += 1000
  expect(passed(gate, () => '192.0.2.1', 10_000)).toBe(500)
})

it('bounds what all may ask together, but for this machine', () => {
  const gate = gateOf()
  expect(passed(gate, (i) => `10.0.${i >> 8}.${i & 255}`, 50_000)).toBe(20_000)
  expect(passed(gate, () => '127.0.0.1', 50_000)).toBe(50_000)
  now += 1000
  expect(passed(gate, (i) => `10.0.${i >> 8}.${i & 255}`, 50_000)).toBe(5000)
})

it('remembers a bounded number of addresses', () => {
  const gate = gateOf()
  passed(gate, (i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 10_000)
  expect(gate.size).toBe(4096)
})
