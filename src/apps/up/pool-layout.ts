import * as path from 'node:path'

/** Where `up` keeps things below its folder. */
export interface PoolLayout {
  readonly dir: string
  /** The supervisor's lock and what it runs. */
  readonly run: string
  /** The embedded chain's folder. */
  readonly chain: string
  readonly tracker: string
  /** Where the tracker keeps the address that it listened at last. */
  readonly trackerAddress: string
  readonly providers: string
  readonly members: string
  readonly logs: string
  provider(number: number): string
  member(name: string): string
  phraseFile(name: string): string
  log(role: string): string
}

export function poolLayout(dir: string): PoolLayout {
  const at = (...parts: string[]) => path.join(dir, ...parts)
  return {
    dir,
    run: at('run'),
    chain: at('chain'),
    tracker: at('tracker'),
    trackerAddress: at('tracker', 'tracker.json'),
    providers: at('providers'),
    members: at('members'),
    logs: at('logs'),
    provider: (number) => at('providers', String(number)),
    member: (name) => at('members', name),
    phraseFile: (name) => at('members', name, 'phrase.txt'),
    log: (role) => at('logs', `${role}.log`),
  }
}
