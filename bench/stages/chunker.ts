import { randomFillSync } from 'node:crypto'
import { createChunker } from '../../src/core/open/blobs/chunker.ts'
import { bestRate } from './best-rate.ts'

export interface ChunkerRates {
  /** The input lies in the chunker's own buffer. */
  readonly resident: number
  /** The input lies in another buffer and is copied in pieces. */
  readonly copied: number
}

/** MB/s at which random input is cut into chunks. */
export function measureChunker(bytes = 32 * 1024 * 1024): ChunkerRates {
  const gear = randomFillSync(new Uint32Array(256))
  const resident = createChunker(gear, bytes)
  randomFillSync(resident.buffer)
  const other = Uint8Array.from(resident.buffer)
  const copying = createChunker(gear)
  const cut = (chunker: typeof resident, input: Uint8Array): void => {
    for (let at = chunker.next(input, 0, bytes, true); at !== -1;) at = chunker.next(input, at, bytes, true)
  }
  return {
    resident: bestRate(bytes, () => cut(resident, resident.buffer)),
    copied: bestRate(bytes, () => cut(copying, other)),
  }
}
