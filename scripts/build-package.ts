// Makes the JavaScript that others install: dist/ from src/, whole or not at all. The kernels are built before.
import { spawnSync } from 'node:child_process'
import { access, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)
const dist = join(root, 'dist')
const building = join(root, `dist.${process.pid}.tmp`)
/** Files that are found at run time by name, so that the compiler can't miss them. */
const NEEDED = [
  'apps/cli/main.js',
  'apps/node/data-path-worker.js',
  'client/index.js',
  'client/index.d.ts',
  'apps/node/index.js',
  'kernels/generated/chunker.js',
  'kernels/generated/reed-solomon.js',
]

const tsc = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'tsc.cmd' : 'tsc')
try {
  const { status, error } = spawnSync(tsc, ['-p', join(root, 'tsconfig.build.json'), '--outDir', building], {
    stdio: 'inherit',
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error('the sources do not compile')
  for (const file of NEEDED) await access(join(building, file))
  await rm(dist, { recursive: true, force: true })
  await rename(building, dist)
} finally {
  await rm(building, { recursive: true, force: true })
}
