/** Appends records to one segment file. What `append` wrote counts only after `sync` returned. */
import * as crypto from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import * as zlib from 'node:zlib'
import type { DiskFiles } from './disk-files.ts'
import type { SegmentRecord } from './segment-footer.ts'
import { FooterBuilder } from './segment-footer.ts'
import type { RecordType } from './segment-format.ts'
import {
  FOOTER_ENTRY_BYTES,
  MARKER_BYTES,
  MAX_SEGMENT_RECORDS,
  SEGMENT_HEADER_BYTES,
  SEGMENT_OVERHEAD_BYTES,
  encodeRecordHeader,
  encodeSegmentHeader,
  recordBytes,
} from './segment-format.ts'
import { writeAt } from './write-at.ts'

export interface NewRecord {
  readonly type: RecordType
  readonly id: Uint8Array
  readonly length: number
  /** Of a put: the leaf hashes, one after the other, and the shard's bytes. */
  readonly leaves?: Uint8Array
  readonly payload?: Uint8Array
}

export class SegmentWriter {
  readonly marker: Uint8Array
  readonly footer = new FooterBuilder()
  readonly #handle: FileHandle
  #unsynced: SegmentRecord[] = []
  #size: number
  #durable: number

  private constructor(handle: FileHandle, marker: Uint8Array, size: number) {
    this.#handle = handle
    this.marker = marker
    this.#size = size
    this.#durable = size
  }

  /** Creates the file with its header; neither is durable yet. */
  static async create(files: DiskFiles, path: string): Promise<SegmentWriter> {
    const handle = await files.open(path, 'wx')
    const marker = new Uint8Array(crypto.randomBytes(MARKER_BYTES))
    const writer = new SegmentWriter(handle, marker, SEGMENT_HEADER_BYTES)
    try {
      await writeAt(handle, [encodeSegmentHeader(marker)], 0)
    } catch (error) {
      await handle.close()
      throw error
    }
    return writer
  }

  /** Goes on with a file whose first `size` bytes hold exactly these records; what lies behind is cut off, durably. */
  static async resume(
    files: DiskFiles,
    path: string,
    marker: Uint8Array,
    size: number,
    records: readonly SegmentRecord[],
  ): Promise<SegmentWriter> {
    const handle = await files.open(path, 'r+')
    const writer = new SegmentWriter(handle, marker, size)
    for (const record of records) writer.footer.add(record)
    try {
      if ((await handle.stat()).size !== size) {
        await handle.truncate(size)
        await handle.sync()
      }
    } catch (error) {
      await handle.close()
      throw error
    }
    return writer
  }

  /** Bytes of the file so far. */
  get size(): number {
    return this.#size
  }

  /** Bytes of the file if it were sealed now. */
  get sealedSize(): number {
    return this.#size + SEGMENT_OVERHEAD_BYTES - SEGMENT_HEADER_BYTES + this.#records * FOOTER_ENTRY_BYTES
  }

  get #records(): number {
    return this.footer.count + this.#unsynced.length
  }

  /** Records that the footer still has room for. */
  get recordsLeft(): number {
    return MAX_SEGMENT_RECORDS - this.#records
  }

  /** Writes records. After a failure, of `sync` too, the file must be cut back or abandoned. */
  async append(records: readonly NewRecord[]): Promise<void> {
    const parts: Uint8Array[] = []
    let at = this.#size
    for (const record of records) {
      const { type, id, length, leaves, payload } = record
      const bodyCrc = leaves === undefined ? 0 : zlib.crc32(leaves)
      const header = { type, id, length, bodyCrc, closing: false }
      parts.push(encodeRecordHeader(this.marker, header))
      if (leaves !== undefined && payload !== undefined) {
        parts.push(leaves, payload, encodeRecordHeader(this.marker, { ...header, closing: true }))
      }
      this.#unsynced.push({ type, id, length, offset: at })
      at += recordBytes(type, length)
    }
    await writeAt(this.#handle, parts, this.#size)
    this.#size = at
  }

  /** Makes what was appended durable, and returns those records. */
  async sync(): Promise<readonly SegmentRecord[]> {
    await this.#handle.datasync()
    const records = this.#unsynced
    this.#unsynced = []
    for (const record of records) this.footer.add(record)
    this.#durable = this.#size
    return records
  }

  /** Takes back what isn't durable yet. */
  async cutBack(): Promise<void> {
    this.#unsynced = []
    this.#size = this.#durable
    await this.#handle.truncate(this.#durable)
    await this.#handle.datasync()
  }

  /** Writes the footer, durably. */
  async seal(): Promise<void> {
    const footer = this.footer.encode(this.marker)
    await writeAt(this.#handle, [footer], this.#size)
    await this.#handle.datasync()
    this.#size += footer.length
    this.#durable = this.#size
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
