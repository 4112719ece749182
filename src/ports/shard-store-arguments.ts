/** What every shard store checks before it does anything. */
import { UsageError } from '../core/open/errors.ts'
import { MAX_SHARD_BYTES } from '../core/open/stripes/stripe.ts'
import type { ShardRange } from './shard-store.ts'
import { MAX_RANGES, SHARD_ID_BYTES } from './shard-store.ts'

/** UsageError unless it is 32 bytes long. */
export function checkShardId(id: Uint8Array): void {
  if (id.length !== SHARD_ID_BYTES) throw new UsageError('a shard id has 32 bytes', { length: id.length })
}

/** UsageError when the id or the shard has no acceptable length. */
export function checkShard(id: Uint8Array, bytes: Uint8Array): void {
  checkShardId(id)
  if (bytes.length > MAX_SHARD_BYTES) {
    throw new UsageError('the shard is too long', { length: bytes.length, limit: MAX_SHARD_BYTES })
  }
}

/** UsageError when a range isn't within a shard of `length` bytes, or all together are too much. */
export function checkRanges(ranges: readonly ShardRange[], length: number): void {
  if (ranges.length > MAX_RANGES) {
    throw new UsageError('too many ranges', { ranges: ranges.length, limit: MAX_RANGES })
  }
  let total = 0
  for (const range of ranges) {
    const { offset, length: size } = range
    const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(size) && offset >= 0 && size >= 0
    if (!valid || offset + size > length) {
      throw new UsageError('the range is outside of the shard', { offset, length: size, shardLength: length })
    }
    total += size
  }
  if (total > MAX_SHARD_BYTES) {
    throw new UsageError('the ranges are too long together', { length: total, limit: MAX_SHARD_BYTES })
  }
}
