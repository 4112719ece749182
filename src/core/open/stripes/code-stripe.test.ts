import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BLOCK_BYTES } from '../../../kernels/reed-solomon-kernel.ts'
import { codeStripe } from './code-stripe.ts'
import { encodeParity } from './erasure-code.ts'
import { SHARD_LEAF_BYTES, shardId } from '../merkle.ts'

const hash = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

test('the blocks of the code are the leaves of the tree', () => {
  expect(BLOCK_BYTES).toBe(SHARD_LEAF_BYTES)
})

test('parity and ids are those of the separate functions, whatever the lengths', () => {
  const length = fc.oneof(
    fc.nat(3 * SHARD_LEAF_BYTES),
    fc.constantFrom(0, 1, SHARD_LEAF_BYTES - 1, SHARD_LEAF_BYTES, SHARD_LEAF_BYTES + 1, 2 * SHARD_LEAF_BYTES),
  )
  fc.assert(
    fc.property(fc.array(length, { minLength: 1, maxLength: 5 }), fc.nat(3), fc.nat(), (lengths, m, seed) => {
      const data = lengths.map((size, shard) =>
        Uint8Array.from({ length: size }, (_, i) => Math.imul(i + seed + 1, 0x9e3779b1 + 2 * shard) >>> 24),
      )
      const scheme = { k: data.length, n: data.length + m }
      const { parity, ids } = codeStripe({ blake3: hash }, scheme, data)
      expect(parity).toEqual(encodeParity(scheme, data))
      expect(ids).toEqual([...data, ...parity].map((shard) => shardId(hash, shard)))
    }),
  )
})

test('writes the parity to given buffers', () => {
  const data = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]
  const into = [new Uint8Array(9), new Uint8Array(9)]
  const { parity, ids } = codeStripe({ blake3: hash }, { k: 2, n: 4 }, data, into)
  expect(parity.map((shard) => shard.buffer)).toEqual(into.map((buffer) => buffer.buffer))
  expect(ids).toEqual(codeStripe({ blake3: hash }, { k: 2, n: 4 }, data).ids)
})
