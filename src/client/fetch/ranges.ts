/** A part of a shard, bytes. */
export interface Range {
  readonly offset: number
  readonly length: number
}

/** These parts of a shard, without copying. */
export function cut(shard: Uint8Array, ranges: readonly Range[]): Uint8Array[] {
  return ranges.map(({ offset, length }) => shard.subarray(offset, offset + length))
}

export function bytesIn(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0)
}
