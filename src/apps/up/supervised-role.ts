/** Keeps one role running: starts it, starts it again when it dies, with growing pauses, until it is stopped. */
import { setTimeout as delay } from 'node:timers/promises'
import { CancelledError } from '../../core/open/errors.ts'
import type { Logger } from '../../ports/logger.ts'
import type { ReadyLine, RoleCommand } from './role-process.ts'
import { RoleProcess } from './role-process.ts'
import type { RunningProcess } from './run-file.ts'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 10_000
/** A role that ran so long didn't die of its start. */
const GOOD_RUN_MS = 30_000

export interface RoleOptions {
  readonly role: 'chain' | 'tracker' | 'provider'
  readonly id: string
  /** Asked before every start; `failures` counts starts in a row that came to nothing. */
  readonly command: (failures: number) => RoleCommand | Promise<RoleCommand>
  readonly restart: boolean
  readonly logger: Logger
  /** The role is ready, for the first time or again. */
  readonly onReady: (line: ReadyLine) => void | Promise<void>
  /** What it printed since. */
  readonly onNews?: (line: ReadyLine) => void
}

export class SupervisedRole {
  readonly #options: RoleOptions
  readonly #stop = new AbortController()
  #process: RoleProcess | undefined
  #line: ReadyLine = {}
  #restarting: Promise<void> = Promise.resolve()

  constructor(options: RoleOptions) {
    this.#options = options
  }

  /** Starts the role, again if need be, and waits until it is ready; throws what it died of last. */
  async start(attempts = 1): Promise<ReadyLine> {
    for (let attempt = 0; ; attempt++)
      try {
        return await this.#run(attempt)
      } catch (error) {
        if (attempt + 1 >= attempts || this.#stop.signal.aborted) throw error
        await delay(pauseOf(attempt))
      }
  }

  get #name(): string {
    const { role, id } = this.#options
    return role === id ? role : `${role} ${id}`
  }

  running(): RunningProcess | undefined {
    const { role, id } = this.#options
    const { address = '', peer } = this.#line
    if (this.#process === undefined) return undefined
    return { role, id, pid: this.#process.pid, address, ...(peer === undefined ? {} : { peer }) }
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#process?.stop()
    await this.#restarting
  }

  /** Ends the process; with restarts, it comes again with a new command. */
  async renew(): Promise<void> {
    await this.#process?.stop()
  }

  async #run(failures: number): Promise<ReadyLine> {
    const { logger } = this.#options
    const name = this.#name
    const command = await this.#options.command(failures)
    if (this.#stop.signal.aborted) throw new CancelledError('stopped before the role was started')
    const begun = performance.now()
    let ready = false
    const onExit = () => {
      if (this.#process === child) this.#process = undefined
      if (!ready || this.#stop.signal.aborted) return
      logger.warn({ name }, 'a role died')
      const again = performance.now() - begun >= GOOD_RUN_MS ? 0 : failures + 1
      if (this.#options.restart) this.#restarting = this.#restart(again)
    }
    const child: RoleProcess = new RoleProcess(command, onExit, (line) => this.#options.onNews?.(line))
    this.#process = child
    this.#line = await child.ready
    ready = true
    logger.info({ name, child: child.pid, address: this.#line['address'] }, 'a role is ready')
    await this.#options.onReady(this.#line)
    return this.#line
  }

  async #restart(failures: number): Promise<void> {
    const { logger } = this.#options
    const name = this.#name
    const { signal } = this.#stop
    for (let attempt = failures; !signal.aborted; attempt++) {
      try {
        await delay(pauseOf(attempt), undefined, { signal })
      } catch {
        return
      }
      try {
        await this.#run(attempt)
        return
      } catch (error) {
        logger.error(
          { name, why: error instanceof Error ? error.message : String(error) },
          'a role did not start',
        )
      }
    }
  }
}

function pauseOf(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS)
}
