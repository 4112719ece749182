/**
 * A role in a process of its own. Under `allmend up` it prints one line of JSON when it is ready, one for each of its news after
 * that, and ends when the pipe to its supervisor closes, so that no role outlives a killed supervisor.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { PROVIDER_HEAP_GROWTH, ROLE_HEAP_GROWTH, collectLess } from '../node/collect-less.ts'
import type { CommandContext } from './context.ts'
import type { Output } from './text/output.ts'
import { aborted } from '../../ports/aborted.ts'

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

/** Something that happened to a role: to its supervisor as a line of JSON on stdout, to a person as `text`. */
export interface RoleNews {
  readonly line: Readonly<Record<string, string>>
  readonly show: (output: Output) => void
}

/**
 * Starts the role, says so, and runs it until it is told to stop. `start` gets what tells of news; they come after the line that
 * says that the role is ready.
 */
export async function runRole(
  { output, signal }: CommandContext,
  role: string,
  start: (tell: (news: RoleNews) => void) => Promise<StartedRole>,
): Promise<void> {
  collectLess(role === 'provider' ? PROVIDER_HEAP_GROWTH : ROLE_HEAP_GROWTH)
  const supervised = process.env[SUPERVISED] === '1'
  const stopped = supervised ? supervisorGone(signal) : aborted(signal)
  const early: RoleNews[] = []
  let tell = (news: RoleNews): void => void early.push(news)
  const started = await start((news) => tell(news))
  try {
    if (supervised) {
      await Promise.race([started.settled, stopped, delay(SETTLE_MS, undefined, { ref: false })])
      process.stdout.write(`${JSON.stringify({ role, pid: process.pid, ...started.ready })}\n`)
    } else output.result({ role, pid: process.pid, ...started.ready }, started.lines)
    tell = ({ line, show }) =>
      supervised ? void process.stdout.write(`${JSON.stringify(line)}\n`) : show(output)
    for (const news of early) tell(news)
    await stopped
  } finally {
    await started.close()
  }
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
