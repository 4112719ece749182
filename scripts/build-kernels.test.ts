import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const generated = join(import.meta.dirname, '..', 'src', 'kernels', 'generated')

async function filesAndTimes(): Promise<[string, number][]> {
  const names = (await readdir(generated)).toSorted()
  return Promise.all(names.map(async (name) => [name, (await stat(join(generated, name))).mtimeMs]))
}

test('a second build leaves the modules alone', async () => {
  const build = (): Promise<unknown> =>
    promisify(execFile)(process.execPath, [join(import.meta.dirname, 'build-kernels.ts')])
  await build()
  const first = await filesAndTimes()
  expect(first.map(([name]) => name)).toEqual([
    'blake3-tree.ts',
    'chunker-relaxed.ts',
    'chunker.ts',
    'reed-solomon-relaxed.ts',
    'reed-solomon.ts',
  ])
  await build()
  expect(await filesAndTimes()).toEqual(first)
})
