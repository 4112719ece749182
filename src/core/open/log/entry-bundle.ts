/** Bundles of entries as C2SP tlog-tiles lays them out: up to 256 of them, each after its length (2 bytes, big-endian). */
import { MalformedError } from '../errors.ts'
import { MAX_ENTRY_BYTES } from './entry.ts'
import { TILE_WIDTH } from './tile.ts'

const LENGTH_BYTES = 2
const MAX_BUNDLE_BYTES = TILE_WIDTH * (LENGTH_BYTES + MAX_ENTRY_BYTES)

/** Throws MalformedError for more than 256 entries or one that is too long. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length > TILE_WIDTH || entries.some((entry) => entry.length > MAX_ENTRY_BYTES))
    throw new MalformedError('a bundle has at most 256 entries of at most 65,535 bytes')
  const out = new Uint8Array(entries.reduce((sum, entry) => sum + LENGTH_BYTES + entry.length, 0))
  let at = 0
  for (const entry of entries) {
    out[at] = entry.length >> 8
    out[at + 1] = entry.length & 255
    out.set(entry, at + LENGTH_BYTES)
    at += LENGTH_BYTES + entry.length
  }
  return out
}

/** The entries of a bundle, as views of it; throws MalformedError. */
export function decodeEntryBundle(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length > MAX_BUNDLE_BYTES) throw new MalformedError('a bundle of entries is too long')
  const entries: Uint8Array[] = []
  let at = 0
  while (at < bytes.length) {
    if (entries.length === TILE_WIDTH) throw new MalformedError('a bundle has at most 256 entries')
    const start = at + LENGTH_BYTES
    if (start > bytes.length) throw new MalformedError('a bundle of entries is cut short')
    const end = start + bytes[at]! * 256 + bytes[at + 1]!
    if (end > bytes.length) throw new MalformedError('a bundle of entries is cut short')
    entries.push(bytes.subarray(start, end))
    at = end
  }
  return entries
}
