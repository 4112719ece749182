/**
 * Up to where the open segment is known to be durable: what is damaged below was acknowledged and has rotted, what is
 * damaged above was torn by a crash and never acknowledged. The file is rewritten in place after each group commit and not
 * synced: it outlives the process, and after a power failure it is merely older, which errs towards `torn`.
 *
 * 32 bytes: "ALMWATER", 0 (4 bytes), segment's last number (4), bytes (8), 0 (4), CRC-32 of the 28 bytes before (4).
 */
import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import * as zlib from 'node:zlib'
import type { DiskFiles } from './disk-files.ts'
import { errnoOf } from './disk-error.ts'
import { readAt } from './read-at.ts'

const BYTES = 32
const CRC_AT = 28
const MAGIC = Buffer.from('ALMWATER', 'latin1')

export interface Watermark {
  /** The segment's last number. */
  readonly segment: number
  /** Durable bytes of its file. */
  readonly bytes: number
}

export function encodeWatermark(mark: Watermark): Buffer {
  const out = Buffer.alloc(BYTES)
  out.set(MAGIC, 0)
  out.writeUInt32BE(mark.segment, 12)
  out.writeBigUInt64BE(BigInt(mark.bytes), 16)
  out.writeUInt32BE(zlib.crc32(out.subarray(0, CRC_AT)), CRC_AT)
  return out
}

/** The mark, or undefined when it is damaged. */
export function decodeWatermark(bytes: Buffer): Watermark | undefined {
  if (bytes.length !== BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined
  if (bytes.readUInt32BE(CRC_AT) !== zlib.crc32(bytes.subarray(0, CRC_AT))) return undefined
  const size = bytes.readBigUInt64BE(16)
  return size <= BigInt(Number.MAX_SAFE_INTEGER)
    ? { segment: bytes.readUInt32BE(12), bytes: Number(size) }
    : undefined
}

export class WatermarkFile {
  readonly #handle: FileHandle
  /** What the file said when it was opened; undefined when it was new or damaged. */
  readonly found: Watermark | undefined

  private constructor(handle: FileHandle, found: Watermark | undefined) {
    this.#handle = handle
    this.found = found
  }

  static async open(files: DiskFiles, path: string): Promise<WatermarkFile> {
    let handle: FileHandle
    try {
      handle = await files.open(path, 'r+')
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      handle = await files.open(path, 'wx+')
    }
    try {
      return new WatermarkFile(handle, decodeWatermark(await readAt(handle, 0, BYTES + 1)))
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async write(mark: Watermark): Promise<void> {
    await this.#handle.write(encodeWatermark(mark), 0, BYTES, 0)
  }

  async close(): Promise<void> {
    try {
      await this.#handle.sync()
    } finally {
      await this.#handle.close()
    }
  }
}
