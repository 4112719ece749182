import { join } from 'node:path'
import { writeRandomFile, writeRandomTree, writeWithInserts } from '../end-to-end/inputs.ts'
import { withPool } from '../end-to-end/pool.ts'
import { runCommand } from '../end-to-end/run-command.ts'
import { inWorkspace } from '../end-to-end/workspace.ts'
import type { Row } from '../row.ts'
import { atMost, percent } from '../row.ts'

const SECTION = 'deduplication within a space'
const FILE_BYTES = 2 ** 30
const TREE = { folders: 20, filesEach: 50, fileBytes: 256 * 1024 }
const TREE_BYTES = TREE.folders * TREE.filesEach * TREE.fileBytes
const INSERTS = 200
/** The chunker's mean for random data. */
const MEAN_CHUNK_BYTES = 256 * 1024
const DISK = FILE_BYTES * 4.5 + TREE_BYTES * 3

/** What a second copy and what small edits add, as the pool itself counts it. */
export function benchDedup(): Promise<Row[]> {
  return inWorkspace(DISK, (folder) => {
    const home = join(folder, 'pool')
    return withPool(home, async (pool) => {
      const tree = join(folder, 'tree')
      await writeRandomTree(tree, TREE)
      const empty = await pool.status()
      await pool.store(tree, 'first')
      const [first, firstDisk] = [await pool.status(), await diskBytes(home)]
      await pool.store(tree, 'second')
      const [second, secondDisk] = [await pool.status(), await diskBytes(home)]
      const once = first.storedBytes - empty.storedBytes
      const added = (secondDisk - firstDisk) / once
      const shards = (second.storedBytes - first.storedBytes) / once

      const file = join(folder, 'file')
      const edited = join(folder, 'edited')
      await writeRandomFile(file, FILE_BYTES)
      await pool.store(file, 'file')
      const before = await pool.status()
      await writeWithInserts(file, edited, INSERTS)
      await pool.store(edited, 'edited')
      const after = await pool.status()
      const unique = after.uniqueBytes - before.uniqueBytes
      const chunks = unique / INSERTS / MEAN_CHUNK_BYTES
      return [
        {
          section: SECTION,
          name: 'the same tree under another name adds',
          value: percent(added, 2),
          ...atMost(added, 0.01, '1 %'),
          note: `${TREE.folders * TREE.filesEach} files, ${TREE_BYTES / 2 ** 20} MiB; on all disks, the tracker's too; shards alone ${percent(shards, 2)}`,
        },
        {
          section: SECTION,
          name: `${INSERTS} small inserts into 1 GiB add, each`,
          value: `${chunks.toFixed(2)} mean chunks`,
          ...atMost(chunks, 2, '2 mean chunks'),
          note: `${(unique / 2 ** 20).toFixed(1)} MiB of new blobs, before coding`,
        },
      ]
    })
  })
}

/** Bytes of all files of a folder. */
async function diskBytes(folder: string): Promise<number> {
  const { stdout } = await runCommand('du', ['-sb', folder])
  return Number(stdout.split('\t')[0])
}
