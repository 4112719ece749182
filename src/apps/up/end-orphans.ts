import { sep } from 'node:path'
import type { PoolLayout } from './pool-layout.ts'
import { isAlive, waitForExit, wasStartedWith } from './process-alive.ts'
import { readRunFile } from './run-file.ts'

/** Roles end by themselves when their supervisor is gone, after writing what they were writing. */
const GRACE_MS = 10_000

/** Waits for the roles of a supervisor that was killed, and kills those that hang. */
export async function endOrphans(layout: PoolLayout): Promise<void> {
  const { roles } = await readRunFile(layout.run)
  const ours = roles.filter((pid) => isAlive(pid) && wasStartedWith(pid, layout.dir + sep))
  await Promise.all(
    ours.map(async (pid) => {
      if (await waitForExit(pid, GRACE_MS)) return
      if (wasStartedWith(pid, layout.dir + sep)) process.kill(pid, 'SIGKILL')
      await waitForExit(pid, GRACE_MS)
    }),
  )
}
