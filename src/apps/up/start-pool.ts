/**
 * A pool on one machine: (1) the folder is locked, orphans of a killed supervisor are ended; (2) the chain is started, and the
 * tracker without waiting for it; (3) providers that have joined before start: they witness, and without them no head is confirmed
 * that a member could rely on; (4) members that are missing are made; (5) further providers start, on members' invites; (6) all of
 * them are kept running until `stop`.
 */
import { fromHex } from '../../core/open/bytes.ts'
import { CancelledError, InternalError } from '../../core/open/errors.ts'
import type { Logger } from '../../ports/logger.ts'
import type { FolderLock } from '../../adapters/disk/folder-lock.ts'
import { LEDGER_PROBLEM } from '../cli/ledger-news.ts'
import { roleLogger } from '../cli/role-logger.ts'
import type { HomeConfig } from '../node/home-config.ts'
import { readLedgerRecord } from '../tracker/ledger-record.ts'
import { endOrphans } from './end-orphans.ts'
import type { PoolLayout } from './pool-layout.ts'
import { poolLayout } from './pool-layout.ts'
import { ensureMembers, tellMembers } from './pool-members.ts'
import { existingProviders, joinedProviders, providerCommand, providerToken } from './pool-providers.ts'
import { PORT_IS_LOST, chainCommand, trackerCommand } from './pool-tracker.ts'
import type { ReadyLine } from './role-process.ts'
import type { RunningProcess } from './run-file.ts'
import { writeRunFile } from './run-file.ts'
import type { StartPoolOptions } from './start-pool-options.ts'
import { SupervisedRole } from './supervised-role.ts'
import { takeFolder } from './take-folder.ts'
import { useLedger } from './use-ledger.ts'

/** After a kill of everything, ports and locks may be held for a moment by what is just dying. */
const START_ATTEMPTS = PORT_IS_LOST + 1

export interface RunningPool {
  readonly members: readonly { readonly name: string; readonly home: string; readonly phraseFile: string }[]
  readonly logs: string
  /** Who runs now, the supervisor first. */
  processes(): RunningProcess[]
  /** Resolves when the signal aborted. */
  readonly stopped: Promise<void>
  /** Ends every role and frees the folder. */
  stop(): Promise<void>
}

/** Starts a pool, new or from its folder. Throws ConflictError when it runs already, and what a role died of. */
export async function startPool(options: StartPoolOptions): Promise<RunningPool> {
  const layout = poolLayout(options.dir)
  const lock = await takeFolder(layout)
  const pool = new Pool(layout, options, lock)
  try {
    await pool.start()
  } catch (error) {
    await pool.stop()
    throw error
  }
  return pool
}

class Pool implements RunningPool {
  readonly #layout: PoolLayout
  readonly #options: StartPoolOptions
  readonly #lock: FolderLock
  readonly #logger: Logger
  readonly #roles: SupervisedRole[] = []
  readonly #providers: SupervisedRole[] = []
  #chain: SupervisedRole | undefined
  #chainUrl: string | undefined
  #isStarted = false
  #tracker: HomeConfig['tracker'] | undefined
  #writing: Promise<void> = Promise.resolve()
  #stopping: Promise<void> | undefined
  readonly stopped: Promise<void>

  constructor(layout: PoolLayout, options: StartPoolOptions, lock: FolderLock) {
    this.#layout = layout
    this.#options = options
    this.#lock = lock
    this.#logger = roleLogger('up', layout.log('up'))
    this.stopped = new Promise((resolve) => {
      if (options.signal.aborted) resolve()
      else options.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  get members(): RunningPool['members'] {
    return this.#options.members.map((name) => ({
      name,
      home: this.#layout.member(name),
      phraseFile: this.#layout.phraseFile(name),
    }))
  }

  get logs(): string {
    return this.#layout.logs
  }

  async start(): Promise<void> {
    await endOrphans(this.#layout)
    await this.#note()
    const chain = await this.#startChain()
    const line = await this.#startTracker()
    this.#checkStop()
    const { members } = this.#options
    const joined = await joinedProviders(this.#layout)
    await this.#tellMembers(this.#knownTracker())
    await this.#startProviders(joined)
    this.#checkStop()
    await ensureMembers(this.#layout, members, line['foundingToken'], {
      tracker: this.#knownTracker(),
      transport: this.#options.transport,
    })
    this.#checkStop()
    const ledger = this.#useLedger()
    await this.#startProviders(await this.#furtherProviders(joined))
    await chain.ready
    await ledger
    this.#checkStop()
    await this.#tellMembers(this.#knownTracker())
    this.#isStarted = true
    await this.#note()
  }

  processes(): RunningProcess[] {
    const up: RunningProcess = { role: 'up', id: 'up', pid: process.pid, address: '' }
    return [up, ...this.#roles.flatMap((role) => role.running() ?? [])]
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#end())
  }

  async #end(): Promise<void> {
    // Providers first: what they are writing ends while the tracker still hears of it.
    await Promise.all(this.#providers.map((role) => role.stop()))
    await Promise.all(this.#roles.filter((role) => role !== this.#chain).map((role) => role.stop()))
    await this.#chain?.stop()
    await this.#writing
    this.#lock.release()
  }

  /** Begins to start the pool's own chain, unless it has another or none: the tracker finds it as soon as it is there. */
  async #startChain(): Promise<{ readonly ready: Promise<unknown> }> {
    const { restart } = this.#options
    const { chain } = this.#options
    if (chain === 'none') return { ready: Promise.resolve() }
    // Without another word it is the one that the pool has had.
    const node = chain === 'embedded' ? (await readLedgerRecord(this.#layout.tracker))?.node : chain
    if (node !== undefined) {
      this.#chainUrl = node.url
      return { ready: Promise.resolve() }
    }
    const role = new SupervisedRole({
      role: 'chain',
      id: 'chain',
      restart: restart === 'always',
      logger: this.#logger,
      command: (failures) => chainCommand(this.#layout, failures),
      onReady: (line) => this.#chainReady(line),
    })
    this.#chain = role
    this.#roles.push(role)
    const ready = role.start(START_ATTEMPTS)
    // Whoever waits for it hears of a failure.
    ready.catch(() => {})
    return { ready }
  }

  async #chainReady(line: ReadyLine): Promise<void> {
    const before = this.#chainUrl
    this.#chainUrl = line['url']
    if (this.#isStarted && before !== this.#chainUrl) await this.#tellMembers(this.#knownTracker())
    await this.#note()
  }

  #useLedger(): Promise<void> {
    const { chain, signal } = this.#options
    return chain === 'none' ? Promise.resolve() : useLedger(this.#layout, this.#logger, signal)
  }

  async #startTracker(): Promise<ReadyLine> {
    const role = new SupervisedRole({
      role: 'tracker',
      id: 'tracker',
      restart: this.#options.restart === 'always',
      logger: this.#logger,
      command: (failures) => trackerCommand(this.#layout, this.#options, this.#chain !== undefined, failures),
      onReady: (line) => this.#trackerReady(line),
      onNews: ({ [LEDGER_PROBLEM]: problem }) => {
        if (problem !== undefined) this.#options.onLedgerProblem(problem === '' ? undefined : problem)
      },
    })
    this.#roles.push(role)
    return role.start(START_ATTEMPTS)
  }

  async #trackerReady(line: ReadyLine): Promise<void> {
    const before = this.#tracker
    const address = line['address'] ?? ''
    const peerId = fromHex(line['peer'] ?? '')
    if (peerId === undefined) throw new InternalError('the tracker did not tell its id')
    this.#tracker = { address, peerId }
    if (before !== undefined && before.address !== address) {
      this.#logger.warn({ from: before.address, to: address }, 'the tracker moved: its port was taken')
      await this.#tellMembers(this.#tracker)
      for (const provider of this.#providers) await provider.renew()
    }
    await this.#note()
  }

  /** Those that are wanted, or have a folder, and haven't joined. */
  async #furtherProviders(joined: readonly number[]): Promise<number[]> {
    const numbers = new Set(await existingProviders(this.#layout))
    for (let number = 1; number <= this.#options.providers; number++) numbers.add(number)
    return [...numbers].filter((number) => !joined.includes(number)).sort((a, b) => a - b)
  }

  async #startProviders(numbers: readonly number[]): Promise<void> {
    const started = numbers.map((number) => {
      const role = new SupervisedRole({
        role: 'provider',
        id: String(number),
        restart: this.#options.restart === 'always',
        logger: this.#logger,
        command: async () => {
          const token = await providerToken(this.#layout, number, this.#knownTracker())
          return providerCommand(this.#layout, number, this.#options, token)
        },
        onReady: () => this.#note(),
      })
      this.#providers.push(role)
      this.#roles.push(role)
      return role.start(START_ATTEMPTS)
    })
    await Promise.all(started)
  }

  #tellMembers(tracker: HomeConfig['tracker']): Promise<void> {
    const { transport, limits } = this.#options
    return tellMembers(this.#layout, { tracker, transport, limits, chainUrl: this.#chainUrl })
  }

  #knownTracker(): HomeConfig['tracker'] {
    if (this.#tracker === undefined) throw new InternalError('the tracker is not there yet')
    return this.#tracker
  }

  #checkStop(): void {
    if (this.#options.signal.aborted)
      throw new CancelledError('stopped before the pool was ready; run it again')
  }

  /** Writes down who runs; after a kill, the next start looks for them. */
  #note(): Promise<void> {
    this.#writing = this.#writing.then(() => writeRunFile(this.#layout.run, this.processes()))
    return this.#writing
  }
}
