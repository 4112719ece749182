import { Buffer } from 'node:buffer'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CapacityError, InternalError, MalformedError } from '../../../core/open/errors.ts'
import type { DiskFiles } from '../../disk/disk-files.ts'
import { nodeFiles } from '../../disk/disk-files.ts'
import type { BlockRecord } from './block-record.ts'
import { HEADER_BYTES, decodeHeader, decodeRecord, encodeHeader, encodeRecord } from './block-record.ts'
import { ChainJournal } from './chain-journal.ts'
import { decodeSnapshot, readSnapshot, writeSnapshot } from './chain-snapshot.ts'

const SETTINGS = { chainId: 77, genesisTime: 1_700_000_000 }
const RUNS = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)

function recordOf(number: number): BlockRecord {
  return {
    number,
    time: 1_700_000_000 + number,
    parent: new Uint8Array(32).fill(number),
    transactions: Array.from({ length: number % 4 }, (_, i) => new Uint8Array(50 + i).fill(number)),
  }
}

describe('the journal of a chain', () => {
  let folder: string
  let file: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'allmend-journal-'))
    file = join(folder, 'blocks')
  })
  afterEach(() => rm(folder, { recursive: true }))

  const open = async (files: DiskFiles = nodeFiles) => {
    const found: [BlockRecord, number][] = []
    const journal = await ChainJournal.open(files, folder, SETTINGS, (record, at) => found.push([record, at]))
    return { journal, found }
  }
  const fill = async (blocks: number): Promise<number[]> => {
    const { journal } = await open()
    for (let i = 1; i <= blocks; i++) await journal.append(recordOf(i))
    await journal.close()
    const again = await open()
    expect(again.found.map(([record]) => record)).toEqual(
      Array.from({ length: blocks }, (_, i) => recordOf(i + 1)),
    )
    for (const [record, at] of again.found) expect(await again.journal.read(at)).toEqual(record)
    await again.journal.close()
    return again.found.map(([, at]) => at)
  }

  test('gives back what was appended, and keeps its settings', async () => {
    await fill(9)
    const { journal } = await open()
    expect(journal.blocks).toBe(9)
    await journal.close()
    const other = await ChainJournal.open(nodeFiles, folder, { chainId: 1, genesisTime: 1 }, () => {})
    expect(other.settings).toEqual(SETTINGS)
    await expect(other.append(recordOf(11))).rejects.toThrow(InternalError)
    await other.close()
  })

  test('a torn end is cut off wherever it was torn', async () => {
    const positions = await fill(3)
    const whole = await readFile(file)
    const torn = encodeRecord(recordOf(4))
    for (let length = 1; length <= torn.length; length += 7) {
      await writeFile(file, Buffer.concat([whole, torn.subarray(0, length - 1), Buffer.from([0x55])]))
      const { journal, found } = await open()
      expect(found).toHaveLength(positions.length)
      await journal.append(recordOf(4))
      await journal.close()
      const after = await open()
      expect(after.found.at(-1)?.[0]).toEqual(recordOf(4))
      await after.journal.close()
      await writeFile(file, whole)
      await rm(join(folder, 'blocks.watermark'))
    }
  })

  test('a damaged record is refused with its position, and left as it is', async () => {
    const positions = await fill(5)
    const whole = await readFile(file)
    for (let at = HEADER_BYTES; at < whole.length; at += 3) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 0x40
      await writeFile(file, damaged)
      const position = positions.findLast((start) => start <= at)
      await expect(open(), `byte ${at}`).rejects.toMatchObject({ code: 'malformed', facts: { position } })
      expect(Buffer.compare(await readFile(file), damaged)).toBe(0)
    }
  })

  test('without its watermark, damage in the middle is refused, and only the end is cut off', async () => {
    const positions = await fill(5)
    const whole = await readFile(file)
    for (let at = HEADER_BYTES; at < whole.length; at += 5) {
      await rm(join(folder, 'blocks.watermark'), { force: true })
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 0x40
      await writeFile(file, damaged)
      if (at < positions[4]!) await expect(open(), `byte ${at}`).rejects.toThrow(MalformedError)
      else {
        const { journal } = await open()
        expect(journal.blocks).toBe(4)
        await journal.close()
      }
    }
  })

  test('an end that was acknowledged is missed', async () => {
    const positions = await fill(3)
    await truncate(file, positions[2]!)
    await expect(open()).rejects.toMatchObject({ facts: { position: positions[2] } })
  })

  test('a damaged header, a foreign file: refused', async () => {
    await fill(1)
    const whole = await readFile(file)
    for (let at = 0; at < HEADER_BYTES; at++) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 1
      await writeFile(file, damaged)
      await expect(open()).rejects.toThrow(MalformedError)
    }
  })

  test('after a write that failed nothing more is taken', async () => {
    let full = false
    const files: DiskFiles = {
      ...nodeFiles,
      async open(...args: Parameters<DiskFiles['open']>) {
        const handle = await nodeFiles.open(...args)
        const sync = handle.datasync.bind(handle)
        handle.datasync = async () => {
          if (full) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
          await sync()
        }
        return handle
      },
    }
    const { journal } = await open(files)
    await journal.append(recordOf(1))
    full = true
    await expect(journal.append(recordOf(2))).rejects.toThrow(CapacityError)
    full = false
    await expect(journal.append(recordOf(2))).rejects.toThrow(CapacityError)
    await journal.close()
  })

  test('a snapshot is read back, and a damaged one is no snapshot', async () => {
    expect(await readSnapshot(nodeFiles, folder)).toBeUndefined()
    const snapshot = { number: 12, hash: new Uint8Array(32).fill(7), dump: new Uint8Array(1_000).fill(1) }
    await writeSnapshot(nodeFiles, folder, snapshot)
    const found = await readSnapshot(nodeFiles, folder)
    expect(found).toMatchObject({ number: 12, hash: snapshot.hash })
    expect(Buffer.compare(found!.dump, snapshot.dump)).toBe(0)
    const file = await readFile(join(folder, 'snapshot'))
    for (let at = 0; at < file.length; at += 11) {
      const damaged = Buffer.from(file)
      damaged[at]! ^= 2
      expect(decodeSnapshot(damaged)).toBeUndefined()
    }
  })

  test('fuzz: any bytes are a record, a header, or malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(6), (bytes, number) => {
        const sound = encodeRecord(recordOf(number + 1))
        for (const input of [Buffer.from(bytes), Buffer.concat([sound.subarray(0, bytes.length), bytes])])
          for (const decode of [decodeRecord, decodeHeader])
            try {
              decode(input)
            } catch (error) {
              expect(error).toBeInstanceOf(MalformedError)
            }
      }),
      { numRuns: RUNS },
    )
    expect(decodeHeader(encodeHeader(SETTINGS))).toEqual(SETTINGS)
  })
})
