import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeFiles } from './disk-files.ts'
import { HandlePool } from './handle-pool.ts'

let root: string
beforeAll(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-pool-'))
  for (let i = 0; i < 8; i++) await fs.writeFile(path.join(root, String(i)), `file ${i}`)
})
afterAll(() => fs.rm(root, { recursive: true }))

test('serves many users of many files with few descriptors', async () => {
  let open = 0
  let most = 0
  const pool = new HandlePool(
    {
      ...nodeFiles,
      open: async (...args) => {
        const handle = await nodeFiles.open(...args)
        most = Math.max(most, ++open)
        const close = handle.close.bind(handle)
        handle.close = async () => {
          await close()
          open--
        }
        return handle
      },
    },
    3,
  )
  const read = (i: number): Promise<string> =>
    pool.use(path.join(root, String(i)), async (handle) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(10), 0, 10, 0)
      return buffer.toString('latin1', 0, bytesRead)
    })
  const wanted = Array.from({ length: 200 }, (_, i) => (i * 5) % 8)
  expect(await Promise.all(wanted.map(read))).toEqual(wanted.map((i) => `file ${i}`))
  expect(most).toBeLessThanOrEqual(3)
  await pool.close()
  expect(open).toBe(0)
})

test('a file that can’t be opened concerns its user alone, and may be tried again', async () => {
  const pool = new HandlePool(nodeFiles, 1)
  const late = path.join(root, 'late')
  const read = (name: string): Promise<number> => pool.use(name, async (handle) => (await handle.stat()).size)
  const results = await Promise.allSettled([read(late), read(late), read(path.join(root, '1')), read(late)])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'rejected'])
  await fs.writeFile(late, 'now')
  expect(await read(late)).toBe(3)
  await pool.close()
})
