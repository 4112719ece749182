/**
 * Records that a home keeps of what it has read, under opaque names. Hard promises of every adapter:
 * - a `put` is taken over as a whole or not at all, whatever kills the process; the newest may go with the machine's power.
 * - it never holds more than its limit after a `put`: what was put longest ago goes first.
 * - several processes may have it open at once. A damaged one is an UntrustedError for who reads, and is begun anew by the next `put`.
 * - values come back as they were put, or as what somebody made of the file: who reads one verifies it.
 */
export interface CacheRecord {
  /** 32 bytes each, at least one. Any of them finds this record until a later one takes the name over. */
  readonly names: readonly Uint8Array[]
  readonly value: Uint8Array
}

export interface CacheUsage {
  readonly records: number
  /** Of values and names. */
  readonly bytes: number
  readonly maxBytes: number
}

export interface ReadCache {
  get(name: Uint8Array): Promise<Uint8Array | undefined>
  /** Replaces what had these names; throws BusyError while another process writes, CapacityError, FolderError. A record larger than the limit isn't kept. */
  put(records: readonly CacheRecord[]): Promise<void>
  usage(): Promise<CacheUsage>
  close(): Promise<void>
}

/** What a name takes beside the value. */
export const CACHE_NAME_BYTES = 64
/** What a home keeps by default: the lists of 100,000 files at 2.6 KB each, or the places of half a terabyte. */
export const MAX_CACHE_BYTES = 256 * 1024 * 1024

/** Bytes that count towards the limit. */
export function recordBytes({ names, value }: CacheRecord): number {
  return value.length + names.length * CACHE_NAME_BYTES
}
