import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MalformedError, NotFoundError, UsageError } from '../../core/open/errors.ts'
import { openChainKey, readChainKey } from './chain-key-file.ts'

test('a key file is made once, for its owner alone, and read back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'allmend-key-'))
  const file = join(folder, 'chain.key')
  try {
    await expect(readChainKey(file)).rejects.toThrow(NotFoundError)
    const key = await openChainKey(file)
    expect(key).toHaveLength(32)
    expect(await openChainKey(file)).toEqual(key)
    if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).toBe(0o600)
    await writeFile(file, ` 0x${'11'.repeat(32)}\n`)
    expect(await readChainKey(file)).toEqual(new Uint8Array(32).fill(0x11))
    for (const wrong of ['', '11', `${'11'.repeat(31)}1g`, '11'.repeat(33)]) {
      await writeFile(file, wrong)
      await expect(readChainKey(file)).rejects.toThrow(MalformedError)
    }
    for (const noKey of ['00', 'ff']) {
      await writeFile(file, noKey.repeat(32))
      await expect(readChainKey(file)).rejects.toThrow(UsageError)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})
