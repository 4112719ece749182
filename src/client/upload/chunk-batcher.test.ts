import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createChunker, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES } from '../../core/open/blobs/chunker.ts'
import type { ChunkBatch } from './chunk-batcher.ts'
import { ChunkBatcher } from './chunk-batcher.ts'

const gear = Uint32Array.from({ length: 256 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 0)

/** Bytes that any seed reproduces (xorshift32). */
function noise(length: number, seed: number): Uint8Array {
  const out = new Uint8Array(length)
  let state = seed | 1
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    out[i] = state
  }
  return out
}

function readerOf(bytes: Uint8Array, most: number) {
  return (buffer: Uint8Array, position: number) => {
    const part = bytes.subarray(position, position + Math.min(buffer.length, most))
    buffer.set(part)
    return Promise.resolve(part.length)
  }
}

test('the chunks of every file, joined, are the file, whatever the sizes of files and reads', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.constantFrom(0, 1, MIN_CHUNK_BYTES - 1, MIN_CHUNK_BYTES, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES + 1),
          fc.nat(12 * 1024 * 1024),
        ),
        { maxLength: 6 },
      ),
      fc.integer({ min: 1_000, max: 3_000_000 }),
      async (sizes, most) => {
        const joined = sizes.map((): Uint8Array[] => [])
        const take = (batch: ChunkBatch<number>) => {
          let start = 0
          for (const [i, end] of batch.ends.entries()) {
            expect(end - start).toBeLessThanOrEqual(MAX_CHUNK_BYTES)
            joined[batch.owners[i]!]!.push(batch.buffer.slice(start, end))
            start = end
          }
          batcher.recycle(batch.buffer)
          return Promise.resolve()
        }
        const batcher: ChunkBatcher<number> = new ChunkBatcher(createChunker(gear), take)
        for (const [i, size] of sizes.entries()) {
          const result = await batcher.file(i, readerOf(noise(size, i + 7), most))
          expect(result.bytes).toBe(size)
        }
        await batcher.flush()
        for (const [i, size] of sizes.entries())
          expect(Buffer.concat(joined[i]!).equals(noise(size, i + 7))).toBe(true)
      },
    ),
    { numRuns: 30 },
  )
})

test('cut points do not depend on the files before', async () => {
  const bytes = noise(5_000_000, 99)
  const lengths = async (before: number) => {
    const found: number[] = []
    const batcher = new ChunkBatcher<boolean>(createChunker(gear), (batch) => {
      let start = 0
      for (const [i, end] of batch.ends.entries()) {
        if (batch.owners[i] === true) found.push(end - start)
        start = end
      }
      return Promise.resolve()
    })
    if (before > 0) await batcher.file(false, readerOf(noise(before, 3), 1 << 20))
    await batcher.file(true, readerOf(bytes, 1 << 20))
    await batcher.flush()
    return found
  }
  expect(await lengths(7_654_321)).toEqual(await lengths(0))
})

test('a file that fails in the middle leaves the next one whole', async () => {
  const chunks: number[] = []
  const batcher = new ChunkBatcher<string>(createChunker(gear), (batch) => {
    let start = 0
    for (const [i, end] of batch.ends.entries()) {
      if (batch.owners[i] === 'good') chunks.push(end - start)
      start = end
    }
    return Promise.resolve()
  })
  let reads = 0
  const failing = (buffer: Uint8Array) =>
    reads++ === 0 ? Promise.resolve(buffer.fill(1, 0, 50_000) && 50_000) : Promise.reject(new Error('disk'))
  await expect(batcher.file('bad', failing)).rejects.toThrow('disk')
  await batcher.file('good', readerOf(noise(70_000, 5), 1 << 20))
  await batcher.flush()
  expect(chunks.reduce((a, b) => a + b, 0)).toBe(70_000)
})
