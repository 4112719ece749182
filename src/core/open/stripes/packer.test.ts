import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Blob } from './data-shard.ts'
import { dataShardBytes, encodeDataShard } from './data-shard.ts'
import { MalformedError, UsageError } from '../errors.ts'
import { SHARD_LEAF_BYTES } from '../merkle.ts'
import type { PackedStripe, PackerLimits } from './packer.ts'
import { createPacker, PACKER_LIMITS } from './packer.ts'
import { MAX_SHARD_PAYLOAD_BYTES } from './stripe.ts'

function numbered(i: number, length: number): Blob & { readonly i: number } {
  const id = new Uint8Array(32)
  new DataView(id.buffer).setUint32(0, i)
  return { i, id, bytes: new Uint8Array(length) }
}
type Numbered = ReturnType<typeof numbered>

function packAll(k: number, lengths: readonly number[], limits?: PackerLimits): PackedStripe<Numbered>[] {
  const packer = createPacker<Numbered>(k, limits)
  const stripes: PackedStripe<Numbered>[] = []
  for (const [i, length] of lengths.entries()) {
    const full = packer.add(numbered(i, length))
    if (full !== undefined) stripes.push(full)
  }
  const last = packer.flush()
  if (last !== undefined) stripes.push(last)
  return stripes
}

function shardBytes(shard: readonly Blob[]): number {
  return dataShardBytes(
    shard.reduce((sum, blob) => sum + blob.bytes.length, 0),
    shard.length,
  )
}

const SMALL: PackerLimits = { shardPayloadBytes: 1_000, shardBytes: 1_250, shardBlobs: 9, stripeBlobs: 30 }

describe('packer', () => {
  it('loses and doubles no blob, keeps every limit, leaves no shard empty, and packs alike every time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.integer({ min: 1, max: 1_000 }), { maxLength: 120 }),
        (k, lengths) => {
          const stripes = packAll(k, lengths, SMALL)
          const seen = stripes.flatMap(({ shards }) => shards.flat().map(({ i }) => i))
          expect(seen.toSorted((a, b) => a - b)).toEqual(lengths.map((_, i) => i))
          for (const { shards } of stripes) {
            const count = shards.flat().length
            expect(shards).toHaveLength(Math.min(k, count))
            expect(count).toBeLessThanOrEqual(SMALL.stripeBlobs)
            for (const shard of shards) {
              const payload = shard.reduce((sum, { bytes }) => sum + bytes.length, 0)
              expect(shard.length).toBeGreaterThan(0)
              expect(shard.length).toBeLessThanOrEqual(SMALL.shardBlobs)
              expect(payload).toBeLessThanOrEqual(SMALL.shardPayloadBytes)
              expect(dataShardBytes(payload, shard.length)).toBeLessThanOrEqual(SMALL.shardBytes)
              expect(shard.map(({ i }) => i)).toEqual(shard.map(({ i }) => i).toSorted((a, b) => a - b))
            }
          }
          expect(packAll(k, lengths, SMALL)).toEqual(stripes)
        },
      ),
    )
  })

  it('stripes follow the stream: no blob of a later stripe came before one of an earlier', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { maxLength: 120 }), (lengths) => {
        let next = 0
        for (const { shards } of packAll(3, lengths, SMALL))
          for (const i of shards
            .flat()
            .map((blob) => blob.i)
            .sort((a, b) => a - b))
            expect(i).toBe(next++)
      }),
    )
  })

  it('a full shard of any blobs encodes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 2 }), (length, k) => {
        const packer = createPacker(k)
        for (let i = 0; ; i++) {
          const full = packer.add(numbered(i, length))
          if (full === undefined) continue
          for (const shard of full.shards) expect(encodeDataShard(shard)).toHaveLength(shardBytes(shard))
          return
        }
      }),
      { numRuns: 10 },
    )
  })

  it('a stripe of fewer blobs than k has as many shards as blobs', () => {
    expect(packAll(4, [10])[0]!.shards).toHaveLength(1)
    expect(packAll(4, [10, 900_000, 10])[0]!.shards).toHaveLength(3)
    expect(packAll(4, [])).toEqual([])
  })

  it('10,000 files of 4 KiB make three stripes', () => {
    const stripes = packAll(
      4,
      Array.from({ length: 10_000 }, () => 4_096 + 34),
    )
    expect(stripes).toHaveLength(3)
  })

  it('random data at 4+2 takes at most 1.53 of its bytes, index, leaf hashes and record headers included', () => {
    const recordHeader = 128
    const stored = (bytes: number): number => bytes + 32 * Math.ceil(bytes / SHARD_LEAF_BYTES) + recordHeader
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 64 * 1024, max: 448 * 1024 }), { minLength: 250, maxLength: 400 }),
        (lengths) => {
          let total = 0
          for (const { shards } of packAll(
            4,
            lengths.map((length) => length + 34),
          )) {
            const sizes = shards.map(shardBytes)
            for (const size of sizes) total += stored(size)
            total += 2 * stored(Math.max(...sizes))
          }
          expect(total / lengths.reduce((a, b) => a + b)).toBeLessThan(1.53)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('takes a blob once a stripe', () => {
    const packer = createPacker(2)
    packer.add(numbered(1, 10))
    expect(packer.openBytes).toBe(10)
    packer.add(numbered(1, 10))
    expect(packer.openBytes).toBe(10)
    expect(packer.flush()!.shards.flat()).toHaveLength(1)
    expect(packer.flush()).toBeUndefined()
    packer.add(numbered(1, 10))
    expect(packer.flush()!.shards.flat()).toHaveLength(1)
  })

  it('refuses what no shard can hold', () => {
    expect(() => createPacker(0)).toThrow(UsageError)
    expect(() => createPacker(2).add(numbered(0, 0))).toThrow(MalformedError)
    expect(() => createPacker(2).add(numbered(0, MAX_SHARD_PAYLOAD_BYTES + 1))).toThrow(MalformedError)
    expect(createPacker(2, PACKER_LIMITS).add(numbered(0, MAX_SHARD_PAYLOAD_BYTES))).toBeUndefined()
  })
})
