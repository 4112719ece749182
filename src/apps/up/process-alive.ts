import * as fs from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 20

/** Whether a process of this id exists (it may be another one than before). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Waits until the process is gone; false when it still exists after `waitMs`. */
export async function waitForExit(pid: number, waitMs: number): Promise<boolean> {
  const end = performance.now() + waitMs
  while (isAlive(pid)) {
    if (performance.now() > end) return false
    await delay(POLL_MS)
  }
  return true
}

/**
 * Whether the process was started with this text among its arguments: process ids are used again, so one from a file may
 * be anybody's by now. False where the system doesn't tell.
 */
export function wasStartedWith(pid: number, argument: string): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(argument)
  } catch {
    return false
  }
}
