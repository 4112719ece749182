/** What a log line may carry: plain values, byte strings as hexadecimal; never plaintext, names of files or keys. */
type LogFacts = Readonly<Record<string, string | number | boolean | undefined>>

/** Where a role's events go; pino's loggers fit. A call never throws and never waits. */
export interface Logger {
  debug(facts: LogFacts, message: string): void
  info(facts: LogFacts, message: string): void
  warn(facts: LogFacts, message: string): void
  error(facts: LogFacts, message: string): void
}
