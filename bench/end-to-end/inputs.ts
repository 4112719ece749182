import { createHash, randomFillSync, randomInt } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const BLOCK = new Uint8Array(16 * 2 ** 20)

/** Writes a file of random bytes. */
export async function writeRandomFile(path: string, bytes: number): Promise<void> {
  await using file = await open(path, 'wx')
  for (let left = bytes; left > 0; left -= BLOCK.length)
    await file.writeFile(randomFillSync(BLOCK).subarray(0, Math.min(left, BLOCK.length)))
}

export interface TreeShape {
  readonly folders: number
  readonly filesEach: number
  readonly fileBytes: number
}

/** Writes a tree of random files, one level of folders. */
export async function writeRandomTree(
  root: string,
  { folders, filesEach, fileBytes }: TreeShape,
): Promise<void> {
  await mkdir(root)
  for (let i = 0; i < folders; i++) {
    const folder = join(root, `folder-${i}`)
    await mkdir(folder)
    for (let j = 0; j < filesEach; j++)
      await writeFile(join(folder, `file-${j}`), randomFillSync(new Uint8Array(fileBytes)))
  }
}

/** Copies a file with `inserts` runs of 1 to 100 random bytes put in at random places. */
export async function writeWithInserts(source: string, target: string, inserts: number): Promise<void> {
  await using from = await open(source)
  await using to = await open(target, 'wx')
  const { size } = await from.stat()
  const places = Array.from({ length: inserts }, () => randomInt(size)).sort((a, b) => a - b)
  let at = 0
  for (const place of [...places, size]) {
    while (at < place) {
      const { bytesRead } = await from.read(BLOCK, 0, Math.min(BLOCK.length, place - at), at)
      await to.writeFile(BLOCK.subarray(0, bytesRead))
      at += bytesRead
    }
    if (place < size) await to.writeFile(randomFillSync(new Uint8Array(randomInt(1, 101))))
  }
}

/** Throws unless both files, or both trees, have the same names and bytes. */
export async function expectSame(expected: string, actual: string): Promise<void> {
  const [a, b] = await Promise.all([digest(expected), digest(actual)])
  if (a !== b) throw new Error(`${actual} differs from ${expected}`)
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256')
  await using handle = await open(path)
  if ((await handle.stat()).isDirectory()) {
    for (const entry of (await readdir(path, { recursive: true, withFileTypes: true })).toSorted(byPath)) {
      const full = join(entry.parentPath, entry.name)
      hash.update(`${full.slice(path.length)}\0`)
      if (entry.isFile())
        hash.update(
          createHash('sha256')
            .update(await readFile(full))
            .digest(),
        )
    }
  } else for await (const piece of createReadStream(path, { highWaterMark: 2 ** 22 })) hash.update(piece)
  return hash.digest('hex')
}

function byPath(
  a: { readonly parentPath: string; readonly name: string },
  b: { readonly parentPath: string; readonly name: string },
): number {
  const [left, right] = [join(a.parentPath, a.name), join(b.parentPath, b.name)]
  return left < right ? -1 : left > right ? 1 : 0
}
