import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { shardStoreConformance } from '../../ports/shard-store.conformance.ts'
import { nodePrimitives } from '../native/node-primitives.ts'
import { openDiskShardStore } from './disk-shard-store.ts'

/** Flips a bit at `offset` of the place in a folder's files where `bytes` stand. */
async function flipWhere(folder: string, bytes: Uint8Array, offset: number): Promise<void> {
  for (const name of await fs.readdir(folder)) {
    const file = path.join(folder, name)
    const content = await fs.readFile(file)
    const at = content.indexOf(bytes)
    if (at < 0) continue
    content[at + offset] = content[at + offset]! ^ 1
    const handle = await fs.open(file, 'r+')
    await handle.write(content, at + offset, 1, at + offset)
    await handle.close()
    return
  }
  throw new Error('no file holds these bytes')
}

for (const segmentBytes of [1024 * 1024, 256 * 1024 * 1024]) {
  shardStoreConformance(`DiskShardStore with segments of ${segmentBytes} bytes`, {
    primitives: nodePrimitives,
    setup: async (capacity) => {
      const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-store-'))
      const store = await openDiskShardStore({ folder, capacity, segmentBytes, primitives: nodePrimitives })
      return {
        store,
        damage: (_id, bytes, offset) => flipWhere(path.join(folder, 'segments'), bytes, offset),
        cleanUp: () => fs.rm(folder, { recursive: true }),
      }
    },
  })
}
