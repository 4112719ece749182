/**
 * Fills, empties and compacts a shard store until it is killed, and says on standard output what it is about to do and what
 * was acknowledged: `put <seed> <length>`, `deleting <seed>`, `deleted <seed>`, `compacting`, `compacted`.
 * Arguments: folder, seed.
 */
import * as fs from 'node:fs'
import { openDiskShardStore } from '../../src/adapters/disk/disk-shard-store.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { shardId } from '../../src/core/open/merkle.ts'
import { seededBytes, seededRandom } from './shard-store-random.ts'

const folder = process.argv[2]!
const seed = Number(process.argv[3])
const WRITERS = 6

const random = seededRandom(seed)
const say = (line: string): void => {
  fs.writeSync(1, `${line}\n`)
}

const store = await openDiskShardStore({
  folder,
  capacity: 200_000_000,
  segmentBytes: 1_000_000,
  primitives: nodePrimitives,
})
say('open')

const stored: { shard: number; id: Uint8Array }[] = []
let next = seed * 1_000_000

async function write(): Promise<void> {
  for (;;) {
    const shard = next++
    const length = Math.floor(random() ** 3 * 150_000)
    const bytes = seededBytes(shard, length)
    const id = shardId(nodePrimitives.blake3, bytes)
    await store.put(id, bytes)
    say(`put ${shard} ${length}`)
    stored.push({ shard, id })
    if (stored.length < 15) continue
    const gone = stored.splice(Math.floor(random() * stored.length), 1)[0]!
    say(`deleting ${gone.shard}`)
    await store.delete([gone.id])
    say(`deleted ${gone.shard}`)
  }
}

async function compact(): Promise<void> {
  for (;;) {
    say('compacting')
    await store.compact()
    say('compacted')
  }
}

await Promise.all([compact(), ...Array.from({ length: WRITERS }, write)])
