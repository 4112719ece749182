import { expect, it } from 'vitest'
import { discoveryConformance } from '../../ports/discovery.conformance.ts'
import { RECORD_MS } from '../../ports/discovery.ts'
import { ManualClock } from '../../../test/fixtures/manual-clock.ts'
import { MemoryRendezvous } from './memory-discovery.ts'

discoveryConformance('discovery in memory', async () => {
  const network = new MemoryRendezvous(new ManualClock())
  let nodes = 0
  return {
    async node() {
      const key = new Uint8Array(32).fill(++nodes)
      return { key, discovery: network.join(key) }
    },
    async cleanUp() {},
  }
})

it('forgets what is not announced again', async () => {
  const clock = new ManualClock()
  const network = new MemoryRendezvous(clock)
  const node = network.join(new Uint8Array(32).fill(1))
  const topic = new Uint8Array(32)
  await node.announce(topic)
  clock.advance(RECORD_MS - 1)
  expect(await node.lookup(topic)).toHaveLength(1)
  clock.advance(1)
  expect(await node.lookup(topic)).toEqual([])
  expect(network.size).toBe(0)
})
