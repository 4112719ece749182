import { expect, test } from 'vitest'
import { toHex } from '../../core/open/bytes.ts'
import { nodeRandom } from './node-random.ts'

test('gives as many bytes as asked for, never the same twice, and nothing that a caller could change for another', () => {
  const seen = new Set<string>()
  for (let round = 0; round < 2_000; round++)
    for (const length of [16, 24, 32, 64, 65, 1_000]) {
      const bytes = nodeRandom.bytes(length)
      expect(bytes.length).toBe(length)
      expect(bytes.every((byte) => byte === 0)).toBe(false)
      seen.add(toHex(bytes))
      bytes.fill(0)
    }
  expect(seen.size).toBe(2_000 * 6)
  expect(nodeRandom.bytes(0)).toHaveLength(0)
})
