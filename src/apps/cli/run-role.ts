/**
 * A role in a process of its own. Under `allmend up` it prints one line of JSON when it is ready, and ends when the pipe to
 * its supervisor closes, so that no role outlives a killed supervisor.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ROLE_HEAP_GROWTH, collectLess } from '../node/collect-less.ts'
import type { CommandContext } from './context.ts'

/** Set by the supervisor in its children's environment. */
export const SUPERVISED = 'ALLMEND_SUPERVISED'

/** A provider whose tracker is away works all the same, as soon as that is back. */
const SETTLE_MS = 15_000

export interface StartedRole {
  /** What the supervisor needs to know. */
  readonly ready: Readonly<Record<string, string>>
  readonly lines: readonly string[]
  /** Resolves when the role does its work: for a provider, when the tracker knows that it is up. */
  readonly settled: Promise<void>
  close(): Promise<void>
}

/** Starts the role, says so, and runs it until it is told to stop. */
export async function runRole(
  { output, signal }: CommandContext,
  role: string,
  start: () => Promise<StartedRole>,
): Promise<void> {
  collectLess(ROLE_HEAP_GROWTH)
  const supervised = process.env[SUPERVISED] === '1'
  const stopped = supervised ? supervisorGone(signal) : aborted(signal)
  const started = await start()
  try {
    if (supervised) {
      await Promise.race([started.settled, stopped, delay(SETTLE_MS, undefined, { ref: false })])
      process.stdout.write(`${JSON.stringify({ role, pid: process.pid, ...started.ready })}\n`)
    } else output.result({ role, pid: process.pid, ...started.ready }, started.lines)
    await stopped
  } finally {
    await started.close()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** Ctrl-C in a terminal reaches the whole group; the supervisor decides, and then closes the pipe or sends SIGTERM. */
function supervisorGone(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
    process.stdin.once('end', resolve)
    process.stdin.once('error', resolve)
    process.stdin.resume()
  })
}
