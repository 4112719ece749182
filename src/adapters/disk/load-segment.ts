/** What a segment file tells about itself. */
import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { FolderError } from '../../core/open/errors.ts'
import { readAt } from './read-at.ts'
import type { Footer } from './segment-footer.ts'
import { decodeFooter, footerBytes } from './segment-footer.ts'
import {
  FOOTER,
  MARKER_BYTES,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  SEGMENT_VERSION,
  decodeRecordHeader,
  decodeSegmentHeader,
} from './segment-format.ts'

/** The marker of a segment file, from its header, its first record or its footer; undefined when all three are damaged. */
export async function readMarker(
  handle: FileHandle,
  path: string,
  size: number,
): Promise<Uint8Array | undefined> {
  const beginning = await readAt(handle, 0, SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES)
  const header = decodeSegmentHeader(beginning)
  if (header !== undefined) {
    if (header.version === SEGMENT_VERSION) return header.marker
    throw new FolderError(`${path} is a segment of version ${header.version}`, {
      path,
      version: header.version,
    })
  }
  if (decodeRecordHeader(beginning, SEGMENT_HEADER_BYTES, undefined) !== undefined) {
    return Buffer.from(beginning.subarray(SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + MARKER_BYTES))
  }
  const end = await readAt(handle, Math.max(0, size - RECORD_HEADER_BYTES), RECORD_HEADER_BYTES)
  const closing = decodeRecordHeader(end, 0, undefined)
  if (closing === undefined || closing.type !== FOOTER || !closing.closing) return undefined
  return Buffer.from(end.subarray(0, MARKER_BYTES))
}

/** The footer of a sealed segment; undefined when there is none or it is damaged. */
export async function readFooter(
  handle: FileHandle,
  marker: Uint8Array,
  size: number,
): Promise<Footer | undefined> {
  const closing = await readAt(handle, Math.max(0, size - RECORD_HEADER_BYTES), RECORD_HEADER_BYTES)
  const bytes = footerBytes(closing, marker)
  if (bytes === undefined || bytes > size - SEGMENT_HEADER_BYTES) return undefined
  return decodeFooter(await readAt(handle, size - bytes, bytes), marker, size - bytes)
}
