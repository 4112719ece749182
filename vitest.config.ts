import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import type { TestSpecification } from 'vitest/node'
import { BaseSequencer } from 'vitest/node'

// Processes that tests start begin in half of the time, as the command line's do: see bin/allmend.js.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules', '.cache', 'allmend')

const node = { environment: 'node', pool: 'forks' } as const
/**
 * Files at a time whose tests run pools of real processes: these wait for each other for half of the time, and a pool takes up to 2 GiB.
 * They run after the unit tests, as their own processes take all cores anyhow.
 */
const pools = { ...node, maxWorkers: 2, hookTimeout: 120_000, sequence: { groupOrder: 1 } } as const

/** What kills processes for minutes begins first: begun last, one file of it would run alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification): boolean => moduleId.includes('/test/crash/')
    return sorted.toSorted((a, b) => Number(isLong(b)) - Number(isLong(a)))
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...node,
          name: 'unit',
          include: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/boundaries/*.test.ts'],
          testTimeout: 60_000,
          maxWorkers: Math.max(2, availableParallelism() - 1),
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
