import { randomFillSync } from 'node:crypto'
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DirectFile } from './direct-file.ts'
import type { DiskFiles } from './disk-files.ts'
import { nodeFiles } from './disk-files.ts'

/** On the disk of the clone: the system's folder for temporary files may be in memory. */
const BASE = join(import.meta.dirname, '../../../node_modules/.cache')
const noise = randomFillSync(new Uint8Array(6 * 1024 * 1024))

let folder: string

beforeEach(async () => {
  await fs.mkdir(BASE, { recursive: true })
  folder = await fs.mkdtemp(join(BASE, 'direct-file-'))
})

afterEach(() => fs.rm(folder, { recursive: true }))

type WriteArguments = [bytes: Uint8Array, offset: number, length: number, position: number]

/** Opens real files, of which those for direct writes do what `write` says. */
function filesWith(write: (real: FileHandle, args: WriteArguments) => Promise<unknown>): DiskFiles {
  return {
    ...nodeFiles,
    async open(path, flags, mode) {
      const handle = await fs.open(path, flags, mode)
      if (typeof flags !== 'number') return handle
      return new Proxy(handle, {
        get(target, property) {
          if (property === 'write') return (...args: WriteArguments) => write(target, args)
          const value: unknown = Reflect.get(target, property, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    },
  }
}

/** Appends the same to a file by way of `files` and checks what stands there. */
async function expectAppends(files: DiskFiles, appends: readonly (readonly number[])[]): Promise<void> {
  const path = join(folder, 'file')
  const cached = await fs.open(path, 'w+')
  const direct = await DirectFile.open(files, path)
  if (direct === undefined) return
  const expected: Uint8Array[] = []
  let at = 0
  let from = 0
  for (const lengths of appends) {
    const parts = lengths.map((length) => noise.subarray(from, (from += length)))
    await direct.writeAt(cached, parts, at)
    for (const part of parts) at += part.length
    expected.push(...parts)
  }
  await cached.datasync()
  await direct.close()
  await cached.close()
  expect(Buffer.compare(await fs.readFile(path), Buffer.concat(expected))).toBe(0)
}

const appends = fc
  .array(
    fc.array(fc.oneof(fc.nat(70_000), fc.nat(1_500_000), fc.constantFrom(0, 1, 64, 4096, 2 * 1024 * 1024)), {
      maxLength: 4,
    }),
    { maxLength: 4 },
  )
  .filter((lists) => lists.flat().reduce((sum, length) => sum + length, 0) <= noise.length)

test('parts of any lengths at any place stand in the file as written', async () => {
  await fc.assert(
    fc.asyncProperty(appends, (lists) => expectAppends(nodeFiles, lists)),
    { numRuns: 40 },
  )
})

test('short writes go on where they ended', async () => {
  await fc.assert(
    fc.asyncProperty(
      appends,
      fc.infiniteStream(fc.integer({ min: 1, max: 2 * 1024 * 1024 })),
      (lists, shorts) =>
        expectAppends(
          filesWith(async (real, [bytes, offset, length, position]) => {
            const wanted = Math.min(length, shorts.next().value ?? 1)
            // A real handle takes whole blocks only; the rest of a shorter write is a write of its own.
            const whole = Math.floor(wanted / 4096) * 4096
            if (whole === 0) return { bytesWritten: 0 }
            await real.write(bytes, offset, whole, position)
            return { bytesWritten: whole }
          }),
          lists,
        ),
    ),
    { numRuns: 20 },
  )
})

test('where the file system refuses such writes, all goes through the cache', async () => {
  let refused = 0
  const files = filesWith(() => {
    refused++
    return Promise.reject(Object.assign(new Error('refused'), { code: 'EINVAL' }))
  })
  await expectAppends(files, [[1_000_000], [1_000_000]])
  // Where the folder's file system has none at all, it isn't even tried.
  expect(refused).toBeLessThanOrEqual(1)
})

test('other failures are thrown', async () => {
  const files = filesWith(() => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })))
  const path = join(folder, 'other')
  const cached = await fs.open(path, 'w+')
  const direct = await DirectFile.open(files, path)
  if (direct !== undefined) {
    await expect(direct.writeAt(cached, [noise.subarray(0, 1_000_000)], 0)).rejects.toThrow('full')
    await direct.close()
  }
  await cached.close()
})

test('a system without such files opens none', async () => {
  const refusing: DiskFiles = {
    ...nodeFiles,
    open: () => Promise.reject(Object.assign(new Error('no'), { code: 'EINVAL' })),
  }
  expect(await DirectFile.open(refusing, join(folder, 'none'))).toBeUndefined()
  if (constants.O_DIRECT !== undefined) {
    const missing = DirectFile.open(nodeFiles, join(folder, 'missing'))
    await expect(missing).rejects.toMatchObject({ code: 'ENOENT' })
  }
})
