/**
 * What is read is read from the tracker and kept in passing, verified; where the tracker can't be reached, those who ask for no more than
 * the last verified state get that. Invariants:
 * - what was kept is verified anew by the very code that verifies the tracker's answers.
 * - whoever got something kept can say so: `asOf` is that of the oldest part.
 * - keeping never fails a read that succeeded.
 */
import { AllmendError, UnreachableError } from '../../core/open/errors.ts'
import type { Head } from '../../core/open/objects/operation.ts'
import type { ReadCache } from '../../ports/read-cache.ts'
import type { ClientParts } from '../client-parts.ts'
import type { LogClient } from '../log/log-client.ts'
import type { Tracker } from '../tracker.ts'
import { KeptPlaces } from './kept-places.ts'
import { KeptRecords } from './kept-records.ts'
import { KeptTickets } from './kept-tickets.ts'
import type { Answers } from './recording.ts'
import { Recording } from './recording.ts'
import type { KeptTime } from './replayed-answers.ts'
import { ReplayedAnswers } from './replayed-answers.ts'

/** A tracker that was given up isn't asked again for so long, ms. */
const AWAY_MS = 30_000

/** Something that is verified and kept as one. */
export interface Unit {
  readonly kind: 'roots' | 'children' | 'member'
  readonly ids: readonly Uint8Array[]
  /** For people, of what wasn't kept. */
  readonly what: () => string
}

export interface Read<T> {
  readonly value: T
  readonly isKept: boolean
}

/** What this home keeps for times without the tracker. */
export interface Kept {
  readonly records: KeptRecords
  readonly places: KeptPlaces
  readonly tickets: KeptTickets
}

export class Reading {
  /** Undefined where this home keeps nothing. */
  readonly kept: Kept | undefined
  readonly #parts: Pick<ClientParts, 'clock'>
  readonly #tracker: Tracker
  readonly #log: LogClient
  readonly #work = new Set<Promise<void>>()
  #awayUntil = Number.NEGATIVE_INFINITY
  /** Whether an earlier command gave the tracker up, as far as this home knows. */
  #wasAway: Promise<boolean> | undefined
  #time: KeptTime | undefined
  /** The next command shall know that the tracker is away. */
  #isNews = false

  constructor(
    parts: Pick<ClientParts, 'clock' | 'primitives' | 'random' | 'identity'>,
    cache: ReadCache | undefined,
    tracker: Tracker,
    log: LogClient,
  ) {
    this.#parts = parts
    this.#tracker = tracker
    this.#log = log
    if (cache === undefined) return
    const records = new KeptRecords(parts, cache)
    const later = (work: () => Promise<void>) => this.#later(work)
    this.kept = {
      records,
      places: new KeptPlaces(records),
      tickets: new KeptTickets(parts, records, tracker, later),
    }
  }

  get ownDevice(): Uint8Array {
    return this.#log.parts.identity.device.deviceId
  }

  /** Whether the tracker was given up a moment ago. */
  get isAway(): boolean {
    return this.#parts.clock.monotonic() < this.#awayUntil
  }

  /** As of when the oldest part is of all that was kept and used; undefined where the tracker gave everything. */
  get time(): KeptTime | undefined {
    return this.#time
  }

  /** Verifies something with the tracker's answers and keeps it; with `mayBeKept`, verifies what was kept where the tracker is away. */
  async read<T>(unit: Unit, mayBeKept: boolean, verify: (answers: Answers) => Promise<T>): Promise<Read<T>> {
    const { kept } = this
    if (kept === undefined)
      return { value: await verify({ tracker: this.#tracker, log: this.#log }), isKept: false }
    const name = kept.records.name(unit.kind, ...unit.ids)
    if (!mayBeKept) return { value: await this.#record(kept, name, verify), isKept: false }
    const online = await this.orAway(() => this.#record(kept, name, verify))
    if (online !== undefined) return { value: online.value, isKept: false }
    const bytes = await kept.records.load(name)
    if (bytes === undefined) throw this.notKept(unit.what())
    const answers = new ReplayedAnswers(this.#log, bytes, (time) => this.#used(time))
    return { value: await verify(answers), isKept: true }
  }

  /** Does what takes the tracker; undefined where that is away and something was kept that may do instead. */
  async orAway<T>(work: () => Promise<T>): Promise<{ readonly value: T } | undefined> {
    const { kept } = this
    if (kept === undefined) return { value: await work() }
    if (this.isAway) return undefined
    const name = kept.records.name('away')
    this.#wasAway ??= expected(kept, name)
    const wasAway = await this.#wasAway
    if (wasAway) this.#tracker.expectAway()
    try {
      const value = await work()
      if (wasAway) {
        this.#isNews = false
        this.#wasAway = Promise.resolve(false)
        kept.records.save([name], Uint8Array.of(0))
      }
      return { value }
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error
      this.#awayUntil = this.#parts.clock.monotonic() + AWAY_MS
      this.#isNews = !wasAway
      this.#wasAway = Promise.resolve(true)
      return undefined
    }
  }

  /** The tracker was heard of: it is asked again. */
  back(): void {
    this.#awayUntil = Number.NEGATIVE_INFINITY
  }

  notKept(what: string): UnreachableError {
    return new UnreachableError(
      `the tracker at ${this.#tracker.address} can't be reached, and this home has not kept ${what}: only what was listed or read ` +
        'here before can be shown without it',
      { address: this.#tracker.address, what },
    )
  }

  /** Holds a head that an operation names against the log; while the tracker is away that was done before the operation was kept. */
  async meetHead(head: Head): Promise<void> {
    if (this.isAway) return
    await this.#log.meetHead(head)
  }

  /** What people should know about what was read, if anything. */
  async notice(): Promise<string | undefined> {
    await this.#settled()
    const time = this.#time
    if (time === undefined) return this.#problem()
    const pinned = time.isBehind ? (await this.#log.pins()).head : undefined
    const seen =
      pinned === undefined
        ? ''
        : `; it has seen the log go on until ${iso(pinned.isWitnessed ? pinned.confirmed.time : pinned.seen)}`
    return `The tracker can't be reached: this is as of ${iso(time.asOf)}, when this device verified it last${seen}.`
  }

  /** Why this home doesn't keep what was read; who is too busy now will keep it the next time. */
  #problem(): string | undefined {
    const problem = this.kept?.records.problem
    if (problem === undefined || problem.policy === 'retry') return undefined
    return `What was read isn't kept for times without the tracker: ${problem.message}.`
  }

  /** Waits for what is being kept. */
  async close(): Promise<void> {
    await this.#settled()
    // Where nothing kept could be used, the cache may be damaged: who only reads leaves it as it is.
    if (this.#isNews && this.#time !== undefined)
      this.kept?.records.save([this.kept.records.name('away')], Uint8Array.of(1))
    await this.kept?.records.close()
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#work)
    await this.kept?.records.flush()
  }

  async #record<T>(kept: Kept, name: Uint8Array, verify: (answers: Answers) => Promise<T>): Promise<T> {
    const recording = new Recording(this.#log, this.#tracker)
    const value = await verify(recording.answers)
    this.#later(async () => {
      const transcript = await recording.finish()
      if (transcript !== undefined) kept.records.save([name], transcript)
    })
    return value
  }

  /** In passing: what fails now is tried again the next time. */
  #later(work: () => Promise<void>): void {
    const running: Promise<void> = work()
      .catch((error: unknown) => {
        if (!(error instanceof AllmendError)) throw error
      })
      .finally(() => this.#work.delete(running))
    this.#work.add(running)
  }

  #used(time: KeptTime): void {
    const before = this.#time
    this.#time = {
      asOf: Math.min(time.asOf, before?.asOf ?? time.asOf),
      isBehind: time.isBehind || before?.isBehind === true,
    }
  }
}

/** A damaged cache says nothing about the tracker. */
async function expected({ records }: Kept, name: Uint8Array): Promise<boolean> {
  try {
    return (await records.load(name))?.[0] === 1
  } catch (error) {
    if (!(error instanceof AllmendError)) throw error
    return false
  }
}

function iso(seconds: number): string {
  return new Date(seconds * 1_000).toISOString()
}
