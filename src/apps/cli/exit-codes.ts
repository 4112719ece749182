/** What the CLI's exit codes mean; docs/operating/cli.md says it for people. */
import type { ErrorCode } from '../../core/open/errors.ts'
import { AllmendError } from '../../core/open/errors.ts'

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  conflict: 5,
  /** Providers or space are missing: bringing them back would be enough. */
  notEnough: 6,
  /** Data that can't be trusted or rebuilt. */
  untrusted: 7,
} as const

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  malformed: EXIT.untrusted,
  untrusted: EXIT.untrusted,
  'damaged-shard': EXIT.untrusted,
  forked: EXIT.untrusted,
  'not-enough-shards': EXIT.notEnough,
  'not-enough-providers': EXIT.notEnough,
  capacity: EXIT.notEnough,
  'not-found': EXIT.notFound,
  denied: EXIT.denied,
  conflict: EXIT.conflict,
  folder: EXIT.conflict,
  usage: EXIT.usage,
  unreachable: EXIT.failed,
  busy: EXIT.failed,
  cancelled: EXIT.failed,
  internal: EXIT.failed,
}

/** The exit code for an error; 1 for what nobody foresaw. */
export function exitCodeOf(error: unknown): number {
  return error instanceof AllmendError ? BY_CODE[error.code] : EXIT.failed
}

/** The exit code for a command of which parts failed: the gravest of those that say more than "failed". */
export function exitCodeOfAll(errors: readonly unknown[]): number {
  if (errors.length === 0) return EXIT.done
  return Math.max(...errors.map((error) => exitCodeOf(error)))
}
