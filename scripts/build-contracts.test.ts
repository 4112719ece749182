import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = dirname(import.meta.dirname)
const generated = join(root, 'src', 'adapters', 'evm', 'generated')
const run = promisify(execFile)

async function filesAndTimes(): Promise<[string, number][]> {
  const names = (await readdir(generated)).toSorted()
  return Promise.all(names.map(async (name) => [name, (await stat(join(generated, name))).mtimeMs]))
}

test('a second build leaves the modules alone', async () => {
  const build = (): Promise<unknown> =>
    run(process.execPath, [join(import.meta.dirname, 'build-contracts.ts')])
  await build()
  const first = await filesAndTimes()
  expect(first.map(([name]) => name)).toEqual([
    'balancer.ts',
    'directory.ts',
    'log-heads.ts',
    'member-names.ts',
    'providers.ts',
  ])
  await build()
  expect(await filesAndTimes()).toEqual(first)
})

test('the contracts’ own tests pass: unit, fuzz and invariants', { timeout: 600_000 }, async () => {
  const forge = join(
    dirname(createRequire(import.meta.url).resolve('@foundry-rs/forge/package.json')),
    'bin.mjs',
  )
  const { stdout } = await run(process.execPath, [forge, 'test'], {
    // The compiler is named relative to it.
    cwd: join(root, 'contracts'),
    env: { FOUNDRY_FUZZ_RUNS: '200', FOUNDRY_INVARIANT_RUNS: '16', ...process.env, TARGET_TOOL: 'forge' },
    maxBuffer: 16 * 1024 * 1024,
  })
  expect(stdout).toMatch(/\d+ tests passed, 0 failed/)
})
