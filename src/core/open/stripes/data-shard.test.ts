import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import dataShardVectors from '../../../../vectors/data-shard.json' with { type: 'json' }
import { concatBytes, fromHex, toHex, utf8 } from '../bytes.ts'
import type { Blob } from './data-shard.ts'
import {
  DATA_SHARD_ENTRY_BYTES,
  DATA_SHARD_TRAILER_BYTES,
  decodeDataShard,
  encodeDataShard,
  layoutDataShard,
  MAX_SHARD_BLOBS,
  verifyDataShard,
  writeDataShardIndex,
} from './data-shard.ts'
import { AllmendError, MalformedError, UntrustedError } from '../errors.ts'
import { shardId } from '../merkle.ts'
import { MAX_SHARD_PAYLOAD_BYTES } from './stripe.ts'

const RUNS = Number(process.env.ALLMEND_FUZZ_RUNS ?? 10_000)

function blob(bytes: Uint8Array): Blob {
  return { id: nodePrimitives.blake3(bytes), bytes }
}

const blobs = fc
  .uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 300 }), {
    minLength: 1,
    maxLength: 12,
    selector: toHex,
  })
  .map((all) => all.map(blob))

describe('data shard', () => {
  it('gives back its blobs, end to end from offset 0', () => {
    fc.assert(
      fc.property(blobs, (all) => {
        const shard = encodeDataShard(all)
        const entries = verifyDataShard(nodePrimitives, shard)
        expect(entries.map(({ id }) => toHex(id))).toEqual(all.map(({ id }) => toHex(id)))
        let next = 0
        for (const [i, { offset, length }] of entries.entries()) {
          expect(offset).toBe(next)
          expect(toHex(shard.subarray(offset, offset + length))).toBe(toHex(all[i]!.bytes))
          next += length
        }
        expect(shard.length).toBe(next + all.length * DATA_SHARD_ENTRY_BYTES + DATA_SHARD_TRAILER_BYTES)
      }),
    )
  })

  it('can be built in a given buffer', () => {
    const all = [blob(utf8('one')), blob(utf8('three')), blob(utf8('two'))]
    const layout = layoutDataShard(all.map(({ bytes }) => bytes.length))
    const shard = new Uint8Array(layout.bytes)
    writeDataShardIndex(
      shard,
      all.map(({ id, bytes }) => ({ id, length: bytes.length })),
    )
    for (const [i, { bytes }] of all.entries()) shard.set(bytes, layout.offsets[i]!)
    expect(toHex(shard)).toBe(toHex(encodeDataShard(all)))
    expect(() =>
      writeDataShardIndex(
        new Uint8Array(layout.bytes + 1),
        all.map(({ id, bytes }) => ({ id, length: bytes.length })),
      ),
    ).toThrow(MalformedError)
  })

  it('refuses what exceeds its limits', () => {
    expect(() => encodeDataShard([])).toThrow(MalformedError)
    expect(() => layoutDataShard([1, 0])).toThrow(MalformedError)
    expect(() => layoutDataShard([1.5])).toThrow(MalformedError)
    expect(() => layoutDataShard([MAX_SHARD_PAYLOAD_BYTES + 1])).toThrow(MalformedError)
    expect(() => layoutDataShard(Array.from({ length: MAX_SHARD_BLOBS + 1 }, () => 1))).toThrow(
      MalformedError,
    )
    expect(layoutDataShard([MAX_SHARD_PAYLOAD_BYTES]).offsets).toEqual([0])
    // 4 MiB in the smallest blobs that their number allows would have an index above 64 KiB.
    expect(() => layoutDataShard(Array.from({ length: MAX_SHARD_BLOBS }, () => 1_024))).toThrow(
      MalformedError,
    )
    expect(() => encodeDataShard([{ id: new Uint8Array(31), bytes: utf8('x') }])).toThrow(MalformedError)
  })

  it('refuses a blob under an id that is not its own', () => {
    const honest = blob(utf8('honest'))
    const planted = { id: blob(utf8('the victim’s')).id, bytes: utf8('poison') }
    const shard = encodeDataShard([honest, planted])
    expect(decodeDataShard(shard)).toHaveLength(2)
    expect(() => verifyDataShard(nodePrimitives, shard)).toThrow(UntrustedError)
  })

  it('refuses a blob twice', () => {
    const one = blob(utf8('one'))
    expect(() => decodeDataShard(encodeDataShard([one, one]))).toThrow(MalformedError)
  })

  it('fuzz: one flipped byte, a cut or an extension is always noticed', () => {
    fc.assert(
      fc.property(
        blobs,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.integer({ min: 0, max: 2 }),
        (all, at, flip, how) => {
          const shard = encodeDataShard(all)
          let broken: Uint8Array
          if (how === 0) {
            broken = shard.slice()
            broken[at % shard.length]! ^= flip
          } else if (how === 1) broken = shard.slice(0, at % shard.length)
          else broken = concatBytes(shard, new Uint8Array(flip))
          expect(() => verifyDataShard(nodePrimitives, broken)).toThrow(AllmendError)
        },
      ),
      { numRuns: RUNS },
    )
  })

  it('fuzz: arbitrary bytes, also behind a well-formed trailer, decode within limits or fail typed', () => {
    const trailer = fc
      .tuple(fc.nat(5_000), fc.nat(500), fc.constantFrom(1, 1, 1, 0, 2, 0xffffffff))
      .map(([count, payload, version]) => {
        const out = new Uint8Array(DATA_SHARD_TRAILER_BYTES)
        const view = new DataView(out.buffer)
        view.setUint32(0, count, true)
        view.setUint32(4, payload, true)
        view.setUint32(8, version, true)
        out.set(utf8('ADSH'), 12)
        return out
      })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.option(trailer), (bytes, end) => {
        try {
          const shard = end === null ? bytes : concatBytes(bytes, end)
          const entries = decodeDataShard(shard)
          const again = new Uint8Array(shard.length)
          again.set(shard.subarray(0, entries.at(-1)!.offset + entries.at(-1)!.length))
          writeDataShardIndex(again, entries)
          expect(toHex(again)).toBe(toHex(shard))
        } catch (error) {
          if (!(error instanceof AllmendError)) throw error
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('agrees with the vectors', () => {
    for (const vector of dataShardVectors.shards) {
      const all = vector.blobs.map((hex) => blob(fromHex(hex)!))
      const shard = encodeDataShard(all)
      expect(toHex(shard)).toBe(vector.shard)
      expect(toHex(shardId(nodePrimitives.blake3, shard))).toBe(vector.id)
      expect(verifyDataShard(nodePrimitives, shard).map(({ offset, length }) => [offset, length])).toEqual(
        vector.places,
      )
    }
    for (const { why, shard } of dataShardVectors.refused)
      expect(() => verifyDataShard(nodePrimitives, fromHex(shard)!), why).toThrow(AllmendError)
  })
})
