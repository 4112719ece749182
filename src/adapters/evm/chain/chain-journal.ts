/**
 * The embedded chain's blocks on disk, append-only. Invariants:
 * - `append` resolves after fdatasync; a failed one ends the journal: nothing more is taken until it is opened again.
 * - numbers rise by one; each record names the hash of the block before.
 * - what is damaged at the end and wasn't acknowledged is cut off; anything else that is damaged is refused with its position,
 *   and the file is left as it is.
 */
import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import * as path from 'node:path'
import { diskError, errnoOf } from '../../disk/disk-error.ts'
import type { DiskFiles } from '../../disk/disk-files.ts'
import { readAt } from '../../disk/read-at.ts'
import { replaceFile } from '../../disk/replace-file.ts'
import { WatermarkFile } from '../../disk/watermark.ts'
import { writeAt } from '../../disk/write-at.ts'
import { AllmendError, InternalError, MalformedError } from '../../../core/open/errors.ts'
import type { BlockRecord } from './block-record.ts'
import {
  HEADER_BYTES,
  MAX_BODY_BYTES,
  RECORD_HEAD_BYTES,
  bodyLength,
  decodeHeader,
  decodeRecord,
  encodeHeader,
  encodeRecord,
} from './block-record.ts'
import type { EngineSettings } from './chain-engine.ts'

const JOURNAL_FILE = 'blocks'
const WATERMARK_FILE = 'blocks.watermark'
const WINDOW_BYTES = 1024 * 1024

export class ChainJournal {
  readonly settings: EngineSettings
  readonly #handle: FileHandle
  readonly #watermark: WatermarkFile
  #end: number
  #blocks: number
  #broken: AllmendError | undefined

  private constructor(
    settings: EngineSettings,
    handle: FileHandle,
    watermark: WatermarkFile,
    end: number,
    blocks: number,
  ) {
    this.settings = settings
    this.#handle = handle
    this.#watermark = watermark
    this.#end = end
    this.#blocks = blocks
  }

  /**
   * Opens the journal of this folder, or makes one with these settings; `each` sees every record in order and its position.
   * MalformedError with `position` for damage that isn't a torn end.
   */
  static async open(
    files: DiskFiles,
    folder: string,
    settings: EngineSettings,
    each: (record: BlockRecord, position: number) => void,
  ): Promise<ChainJournal> {
    const file = path.join(folder, JOURNAL_FILE)
    const handle = await openOrMake(files, file, settings)
    let watermark: WatermarkFile | undefined
    try {
      watermark = await WatermarkFile.open(files, path.join(folder, WATERMARK_FILE))
      const found = decodeHeader(await readAt(handle, 0, HEADER_BYTES))
      const size = (await handle.stat()).size
      const { end, blocks } = await scan(handle, size, watermark.found?.bytes, each)
      if (end < size) {
        await handle.truncate(end)
        await handle.datasync()
      }
      await watermark.write({ segment: 0, bytes: end })
      return new ChainJournal(found, handle, watermark, end, blocks)
    } catch (error) {
      await watermark?.close()
      await handle.close()
      throw error
    }
  }

  /** The record at a position that `open` told. */
  async read(position: number): Promise<BlockRecord> {
    const head = await readAt(this.#handle, position, RECORD_HEAD_BYTES)
    const length = head.length === RECORD_HEAD_BYTES ? bodyLength(head) : undefined
    if (length === undefined) throw new MalformedError('the record has another length', { position })
    return decodeRecord(await readAt(this.#handle, position, RECORD_HEAD_BYTES + length))
  }

  /** Where the next record will be. */
  get end(): number {
    return this.#end
  }

  /** Number of the newest block; 0 is the genesis, which has no record. */
  get blocks(): number {
    return this.#blocks
  }

  /** Makes a block durable, before it is executed. */
  async append(record: BlockRecord): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken
    if (record.number !== this.#blocks + 1)
      throw new InternalError('a block out of order', { number: record.number, blocks: this.#blocks })
    const bytes = encodeRecord(record)
    try {
      await writeAt(this.#handle, [bytes], this.#end)
      await this.#handle.datasync()
      this.#end += bytes.length
      this.#blocks++
      await this.#watermark.write({ segment: 0, bytes: this.#end })
    } catch (cause) {
      this.#broken = diskError('write the chain’s journal', cause)
      throw this.#broken
    }
  }

  async close(): Promise<void> {
    try {
      await this.#watermark.close()
    } finally {
      await this.#handle.close()
    }
  }
}

async function openOrMake(files: DiskFiles, file: string, settings: EngineSettings): Promise<FileHandle> {
  try {
    return await files.open(file, 'r+')
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    await replaceFile(files, file, encodeHeader(settings))
    return files.open(file, 'r+')
  }
}

/** Reads all records; where the sound part ends. */
async function scan(
  handle: FileHandle,
  size: number,
  durable: number | undefined,
  each: (record: BlockRecord, position: number) => void,
): Promise<{ end: number; blocks: number }> {
  let end = HEADER_BYTES
  let blocks = 0
  let window: Buffer = Buffer.alloc(0)
  let from = end
  const bytesAt = async (position: number, length: number): Promise<Buffer> => {
    if (position < from || position + length > from + window.length) {
      window = await readAt(handle, position, Math.max(length, WINDOW_BYTES))
      from = position
    }
    return window.subarray(position - from, position - from + length)
  }
  while (end < size) {
    const head = await bytesAt(end, RECORD_HEAD_BYTES)
    const body = head.length === RECORD_HEAD_BYTES ? bodyLength(head) : undefined
    const announced = end + RECORD_HEAD_BYTES + (body ?? size)
    try {
      if (body === undefined || announced > size) throw new MalformedError('the record ends early')
      const record = decodeRecord(await bytesAt(end, RECORD_HEAD_BYTES + body))
      if (record.number !== blocks + 1)
        throw new MalformedError('a block is missing', { number: record.number })
      each(record, end)
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause
      // Only the newest append can be torn, and only if it was never acknowledged.
      if (end >= (durable ?? 0) && !(await soundRecordAfter(handle, end, size, blocks)))
        return { end, blocks }
      throw new MalformedError(
        `the chain’s journal is damaged at byte ${end}, in block ${blocks + 1}`,
        { position: end, block: blocks + 1 },
        { cause },
      )
    }
    end = announced
    blocks++
  }
  if (durable !== undefined && durable > end)
    throw new MalformedError(
      `the chain’s journal ends at byte ${end}, and ${durable} bytes were acknowledged`,
      { position: end, block: blocks + 1 },
    )
  return { end, blocks }
}

/** Whether a later record is whole: then the damage isn't the end's. A torn end is one record at most. */
async function soundRecordAfter(
  handle: FileHandle,
  end: number,
  size: number,
  blocks: number,
): Promise<boolean> {
  if (size - end > RECORD_HEAD_BYTES + MAX_BODY_BYTES) return true
  const rest = await readAt(handle, end, size - end)
  for (let at = 1; at + RECORD_HEAD_BYTES + 8 <= rest.length; at++) {
    const record = rest.subarray(at)
    const length = bodyLength(record)
    if (length === undefined || RECORD_HEAD_BYTES + length > record.length) continue
    const ahead = record.readBigUInt64BE(RECORD_HEAD_BYTES) - BigInt(blocks)
    if (ahead > 1n && ahead < BigInt(rest.length) && isSound(record.subarray(0, RECORD_HEAD_BYTES + length)))
      return true
  }
  return false
}

function isSound(record: Buffer): boolean {
  try {
    decodeRecord(record)
    return true
  } catch (error) {
    if (error instanceof MalformedError) return false
    throw error
  }
}
