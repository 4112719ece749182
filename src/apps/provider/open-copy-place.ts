import * as fs from 'node:fs/promises'
import { MAX_COPIES_KEPT } from '../../core/open/stripes/copies.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { MAX_SHARD_BYTES } from '../../core/open/stripes/stripe.ts'
import { openDiskShardStore } from '../../adapters/disk/disk-shard-store.ts'
import { diskError } from '../../adapters/disk/disk-error.ts'
import type { CopyPlace } from '../../provider/copies/copy-place.ts'

/** Two of the largest shards a file: what was dropped soon comes back to the disk. */
const SEGMENT_BYTES = 8 * 1024 * 1024

/** A folder for copies. It is there while there are some; what an earlier process left is removed now. Throws InternalError where the disk fails. */
export async function openCopyPlace(
  folder: string,
  primitives: Pick<Primitives, 'blake3'>,
): Promise<CopyPlace> {
  const clear = async (): Promise<void> => {
    try {
      await fs.rm(folder, { recursive: true, force: true })
    } catch (error) {
      throw diskError('remove copies', error)
    }
  }
  await clear()
  return {
    clear,
    open: () =>
      openDiskShardStore({
        folder,
        // With room for what was dropped and not yet given back.
        capacity: 2 * MAX_COPIES_KEPT * MAX_SHARD_BYTES,
        segmentBytes: SEGMENT_BYTES,
        primitives,
      }),
  }
}
