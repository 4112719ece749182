import type { Logger } from '../../../ports/logger.ts'

/** Keeps quiet: tests look at what happens. */
export const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
}
