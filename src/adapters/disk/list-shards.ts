/**
 * Pages of ids in ascending order from a table that has none: ids are hashes, hence evenly spread, so a page is a window
 * of the id space as wide as should hold `limit` of them.
 */
import { compareBytes } from '../../core/open/bytes.ts'
import type { ShardPage } from '../../ports/shard-store.ts'
import { SHARD_ID_BYTES } from '../../ports/shard-store.ts'
import type { ShardIndex } from './shard-index.ts'

const ID_SPACE = 0x1_0000_0000

export function listShards(index: ShardIndex, after: Uint8Array | undefined, limit: number): ShardPage {
  const from = after === undefined ? 0 : new DataView(after.buffer, after.byteOffset).getUint32(0)
  let width = Math.ceil((limit / Math.max(1, index.size)) * ID_SPACE)
  for (;;) {
    const to = Math.min(from + width, ID_SPACE) - 1
    const found = index
      .within(from, to)
      .filter(({ id }) => after === undefined || compareBytes(id, after) > 0)
      .sort((a, b) => compareBytes(a.id, b.id))
    const end = to === ID_SPACE - 1
    if (found.length === 0 && !end) {
      width *= 2
      continue
    }
    // Ids that somebody made to share a beginning may crowd one window.
    const cut = found.length > 2 * limit
    const shards = (cut ? found.slice(0, limit) : found).map(({ id, length, state }) => ({
      id,
      length,
      whole: state === 'whole',
    }))
    if (cut) return { shards, next: shards.at(-1)!.id }
    return end ? { shards } : { shards, next: lastIdOf(to) }
  }
}

function lastIdOf(firstBits: number): Uint8Array {
  const id = new Uint8Array(SHARD_ID_BYTES).fill(0xff)
  new DataView(id.buffer).setUint32(0, firstBits)
  return id
}
