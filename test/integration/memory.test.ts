/** What a client keeps in memory does not grow with what it moves, also where shards must be computed. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { MemoryJob, MemoryResult } from '../fixtures/processes/memory-child.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

/** Well above what may be in memory. */
const BYTES = 512 * 1024 * 1024
const LIMIT = 400 * 1_000_000

let pool: TestPool
beforeAll(async () => {
  pool = await startTestPool()
})
afterAll(() => pool.close())

async function run(what: MemoryJob['what']): Promise<MemoryResult> {
  const script = path.join(import.meta.dirname, '..', 'fixtures', 'processes', 'memory-child.ts')
  const child = fork(script, { serialization: 'advanced', execArgv: [] })
  child.send({ access: pool.access, what, bytes: BYTES } satisfies MemoryJob)
  const ended = once(child, 'exit')
  const answer = await Promise.race([once(child, 'message'), ended])
  await ended
  return answer[0] as MemoryResult
}

test('put, get, and get with two providers away', async () => {
  for (const what of ['put', 'get', 'get without two'] as const) {
    if (what === 'get without two') await pool.stop(1, 4)
    const { peak, bytes, failures } = await run(what === 'put' ? 'put' : 'get')
    expect(failures).toEqual([])
    expect(bytes).toBe(BYTES)
    expect(peak).toBeLessThan(LIMIT)
  }
})
