import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// Processes that tests start begin in half of the time, as the command line's do: see bin/allmend.js.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules', '.cache', 'allmend')

/** What a pool of real processes takes at most, with the test that runs it. */
const POOL_BYTES = 2 * 1024 ** 3
/**
 * Files at a time, of all projects: one more than cores, as pools of processes wait for each other for half of the time. Projects begin
 * in the order of their names and large files first, so that what kills processes for minutes doesn't run alone at the end, and the many
 * short unit tests fill what is left.
 */
const maxWorkers = Math.max(2, Math.min(availableParallelism() + 1, Math.floor(totalmem() / POOL_BYTES)))
const node = { environment: 'node', pool: 'forks', maxWorkers } as const
const pools = { ...node, hookTimeout: 120_000 } as const

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...node,
          name: 'unit',
          include: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/boundaries/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...pools,
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/adversary/**/*.test.ts'],
          testTimeout: 180_000,
        },
      },
      {
        test: {
          ...pools,
          name: 'crash',
          include: ['test/crash/**/*.test.ts'],
          testTimeout: 1_800_000,
        },
      },
    ],
  },
})
