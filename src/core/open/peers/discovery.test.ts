import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import vectors from '../../../../vectors/discovery.json' with { type: 'json' }
import { nodePrimitives as p } from '../../../adapters/native/node-primitives.ts'
import { fromHex as parseHex, toHex } from '../bytes.ts'
import * as discovery from './discovery.ts'

const fromHex = (text: string) => parseHex(text)!

describe('discovery', () => {
  it('agrees with its vectors', () => {
    for (const { providers, bits } of vectors.bits) expect(discovery.prefixBits(providers)).toBe(bits)
    for (const { pool, stripe, bits, prefix, topic } of vectors.stripes) {
      expect(discovery.prefixOf(fromHex(stripe), bits)).toBe(prefix)
      expect(toHex(discovery.stripesTopic(p, fromHex(pool), bits, prefix))).toBe(topic)
    }
    for (const { pool, topic } of vectors.nodes)
      expect(toHex(discovery.nodesTopic(p, fromHex(pool)))).toBe(topic)
    for (const { pool, time, day, name, key, node, masked } of vectors.lan) {
      expect(discovery.lanDay(time)).toBe(day)
      expect(toHex(discovery.lanName(p, fromHex(pool), day))).toBe(name)
      expect(toHex(discovery.lanNodeName(p, fromHex(pool), day, fromHex(key)))).toBe(node)
      const mask = (bytes: Uint8Array) => discovery.maskNetKey(p, fromHex(pool), day, fromHex(node), bytes)
      expect(toHex(mask(fromHex(key)))).toBe(masked)
      expect(toHex(mask(fromHex(masked)))).toBe(key)
    }
  })

  it('gives a prefix for each provider and at most two, within the limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (providers) => {
        const prefixes = 2 ** discovery.prefixBits(providers)
        expect(prefixes).toBeLessThan(2 * providers)
        expect(prefixes).toBeGreaterThanOrEqual(Math.min(providers, 2 ** discovery.MAX_PREFIX_BITS))
      }),
    )
  })

  it('says with fewer bits what more bits say', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.integer({ min: 1, max: discovery.MAX_PREFIX_BITS }),
        (id, bits) => {
          const prefix = discovery.prefixOf(id, bits)
          expect(prefix).toBeLessThan(2 ** bits)
          expect(discovery.prefixOf(id, bits - 1)).toBe(prefix >> 1)
        },
      ),
    )
  })
})
