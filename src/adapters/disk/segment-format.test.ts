import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../core/open/bytes.ts'
import { DamagedShardError, NotFoundError } from '../../core/open/errors.ts'
import { nodePrimitives } from '../native/node-primitives.ts'
import vectors from '../../../vectors/segment.json' with { type: 'json' }
import { nodeFiles } from './disk-files.ts'
import { openDiskShardStore } from './disk-shard-store.ts'
import { formatLine } from './folder-format.ts'
import { readFooter, readMarker } from './load-segment.ts'
import { scanSegment } from './scan-segment.ts'
import { decodeFooter } from './segment-footer.ts'
import type { RecordType } from './segment-format.ts'
import {
  RECORD_HEADER_BYTES,
  decodeRecordHeader,
  decodeSegmentHeader,
  encodeRecordHeader,
  encodeSegmentHeader,
} from './segment-format.ts'
import { SegmentWriter } from './segment-writer.ts'
import { decodeWatermark, encodeWatermark } from './watermark.ts'

const RUNS = Number(process.env.ALLMEND_FUZZ_RUNS ?? 10_000)
const bytes = (hex: string): Buffer => Buffer.from(fromHex(hex)!)
const marker = bytes(vectors.marker)
const segment = bytes(vectors.segment)

let root: string
beforeAll(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-segment-'))
})
afterAll(() => fs.rm(root, { recursive: true }))

describe('vectors', () => {
  const expected = vectors.records.map(({ type, id, length, offset }) => ({ type, id, length, offset }))
  const plain = (
    records: readonly { type: number; id: Uint8Array; length: number; offset: number }[],
  ): unknown => records.map(({ type, id, length, offset }) => ({ type, id: toHex(id), length, offset }))

  test('writing the records gives the segment', async () => {
    const file = path.join(root, 'written')
    await fs.writeFile(file, encodeSegmentHeader(marker))
    const writer = await SegmentWriter.resume(nodeFiles, file, marker, 64, [])
    await writer.append(
      vectors.records.map(({ type, id, length, leaves, payload }) => ({
        type: type as RecordType,
        id: bytes(id),
        length,
        ...(leaves === undefined || payload === undefined
          ? {}
          : { leaves: bytes(leaves), payload: bytes(payload) }),
      })),
    )
    expect(plain(await writer.sync())).toEqual(expected)
    expect(writer.size).toBe(vectors.footerOffset)
    await writer.seal()
    await writer.close()
    expect(toHex(await fs.readFile(file))).toBe(vectors.segment)
  })

  test('its footer and a scan without the footer find the records', async () => {
    const file = path.join(root, 'read')
    await fs.writeFile(file, segment)
    const handle = await fs.open(file)
    expect(toHex((await readMarker(handle, file, segment.length))!)).toBe(vectors.marker)
    const footer = await readFooter(handle, marker, segment.length)
    expect(footer?.damaged).toBe(false)
    expect(plain(footer!.records)).toEqual(expected)
    const scan = await scanSegment(handle, marker, segment.length)
    expect(plain(scan.records)).toEqual(expected)
    expect(scan).toMatchObject({ gaps: [], end: vectors.footerOffset })
    await handle.close()
  })

  test('a store opens it', async () => {
    const folder = path.join(root, 'store')
    await fs.mkdir(path.join(folder, 'segments'), { recursive: true })
    await fs.writeFile(path.join(folder, 'format'), vectors.format)
    await fs.writeFile(path.join(folder, 'segments', '0000000001-0000000001-0000000000.segment'), segment)
    const store = await openDiskShardStore({ folder, capacity: 1e6, primitives: nodePrimitives })
    const [empty, whole, gone, , lost] = vectors.records.map(({ id }) => bytes(id))
    expect(toHex(await store.read(empty!))).toBe(vectors.records[0]!.payload)
    expect(toHex(await store.read(whole!))).toBe(vectors.records[1]!.payload)
    await expect(store.read(gone!)).rejects.toThrow(NotFoundError)
    await expect(store.read(lost!)).rejects.toThrow(DamagedShardError)
    expect(store.usage()).toMatchObject({ used: segment.length, shards: 3, damagedFiles: 0 })
    await store.close()
  })

  test('watermark and format line', () => {
    const { encoded, ...mark } = vectors.watermark
    expect(toHex(encodeWatermark(mark))).toBe(encoded)
    expect(decodeWatermark(bytes(encoded))).toEqual(mark)
    expect(formatLine('shard-store', 1)).toBe(vectors.format)
  })
})

describe('decoders', () => {
  const headerBytes = fc.uint8Array({ minLength: 0, maxLength: 200 }).map((raw) => Buffer.from(raw))

  test('fuzz: what isn’t a header, a footer or a watermark is refused', () => {
    fc.assert(
      fc.property(headerBytes, (raw) => {
        expect(decodeSegmentHeader(raw)).toBeUndefined()
        expect(decodeRecordHeader(raw, 0, undefined)).toBeUndefined()
        expect(decodeFooter(raw, marker, raw.length)).toBeUndefined()
        expect(decodeWatermark(raw)).toBeUndefined()
      }),
      { numRuns: RUNS },
    )
  })

  test('fuzz: valid checksums over anything decode to what encodes to the same, within limits', () => {
    const header = fc.record({
      type: fc.integer({ min: 1, max: 4 }).map((type) => type as RecordType),
      closing: fc.boolean(),
      length: fc.nat(0xffff_ffff),
      id: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      bodyCrc: fc.nat(0xffff_ffff),
    })
    fc.assert(
      fc.property(header, fc.nat(RECORD_HEADER_BYTES * 8 - 1), (value, bit) => {
        const encoded = encodeRecordHeader(marker, value)
        const decoded = decodeRecordHeader(encoded, 0, marker)
        expect(decodeRecordHeader(encoded, 0, marker.toReversed())).toBeUndefined()
        if (decoded !== undefined) {
          expect(decoded.length).toBeLessThan(5_000_000)
          expect(encodeRecordHeader(marker, decoded).equals(encoded)).toBe(true)
        }
        encoded[bit >> 3] = encoded[bit >> 3]! ^ (1 << (bit & 7))
        expect(decodeRecordHeader(encoded, 0, marker)).toBeUndefined()
      }),
      { numRuns: RUNS },
    )
  })

  test('fuzz: a damaged footer is refused as a whole', () => {
    const footer = segment.subarray(vectors.footerOffset)
    expect(decodeFooter(footer, marker, vectors.footerOffset)).toBeDefined()
    fc.assert(
      fc.property(fc.nat((footer.length - RECORD_HEADER_BYTES) * 8 - 1), (bit) => {
        const damaged = Buffer.from(footer)
        damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7))
        expect(decodeFooter(damaged, marker, vectors.footerOffset)).toBeUndefined()
      }),
      { numRuns: RUNS },
    )
  })

  test('fuzz: scanning a damaged segment ends, and finds what was not hit', async () => {
    const file = path.join(root, 'scanned')
    await fs.writeFile(file, segment)
    const handle = await fs.open(file, 'r+')
    await fc.assert(
      fc.asyncProperty(
        fc.nat(segment.length - 1),
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        async (at, junk) => {
          const end = Math.min(segment.length, at + junk.length)
          await handle.write(junk, 0, end - at, at)
          const { records, gaps } = await scanSegment(handle, marker, segment.length)
          await handle.write(segment, at, end - at, at)
          for (const [i, { offset }] of vectors.records.entries()) {
            const next = vectors.records[i + 1]?.offset ?? vectors.footerOffset
            const untouched = next <= at || offset >= end
            if (untouched) expect(records.some((record) => record.offset === offset)).toBe(true)
          }
          for (const gap of gaps) expect(gap.from < gap.to && gap.to <= segment.length).toBe(true)
        },
      ),
      { numRuns: RUNS / 10 },
    )
    await handle.close()
  })
})
