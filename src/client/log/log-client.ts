/**
 * The log and its map as a client believes them (SECURITY.md section 6). Invariants:
 * - a head counts once the log has signed it, a quorum of the pinned witnesses cosigned it, it continues the pinned one and its last
 *   leaf names the map's root; it is pinned on disk before anything that it proves is used.
 * - what contradicts a pin is kept as evidence first and thrown after. A proven fork is pinned: from then on nothing is
 *   written, and nothing newer than the pinned head is read.
 * - what this device was promised stays on disk until log and map have shown it.
 */
import type { ErrorFacts } from '../../core/open/errors.ts'
import { ForkedError, NotEnoughProvidersError, UntrustedError } from '../../core/open/errors.ts'
import type { Checkpoint, LogIdentity } from '../../core/open/log/heads/checkpoint.ts'
import { encodeCheckpoint, logIdentity } from '../../core/open/log/heads/checkpoint.ts'
import type { ForkProof } from '../../core/open/log/heads/fork-proof.ts'
import { CLOCK_SLACK_SECONDS, FRESH_SECONDS, freshness } from '../../core/open/log/heads/quorum.ts'
import type { ServedHead } from '../../core/open/log/heads/verify-head.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import type { Head } from '../../core/open/objects/operation.ts'
import { emptyHead } from '../../core/open/objects/operation.ts'
import { logEntries, logHead, mapProof } from '../../core/open/protocol/log-methods.ts'
import type { Pins } from '../../ports/pin-store.ts'
import type { ClientParts } from '../client-parts.ts'
import type { Tracker } from '../tracker.ts'
import { QUORUM_PATIENCE_MS, acceptHead } from './accept-head.ts'
import type { Evidence } from './log-evidence.ts'
import { LogPins } from './log-pins.ts'
import { MetHeads } from './met-heads.ts'
import type { Proven } from './log-reader.ts'
import type { MapPart, MapQuestion, PartAnswer, ProvenEntry } from './map-query.ts'
import { partsOf, verifyPart } from './map-query.ts'
import { requireKept, settleOwnEntries } from './own-entries.ts'
import type { SeenView } from './pinned-view.ts'
import { viewOfPin } from './pinned-view.ts'
import { freeze, judged, mistrust } from './accuse.ts'
import { meetCheckpoint } from './meet-checkpoint.ts'
import { SeenVersions } from './seen-versions.ts'
import { ServedHeads } from './served-heads.ts'
import { viewNotice } from './view-notice.ts'
import { pinWitnesses } from './witnesses/pin-witnesses.ts'
import { witnessPrefixes } from './witnesses/witness-set.ts'

/** A view is asked for anew after this, ms. */
export const VIEW_MS = 5_000
/** Providers come and go seldom, ms. */
const WITNESSES_MS = 60_000
/** The tracker waits for its witnesses by itself where a quorum is up; it is asked again for this long, ms. */
const COVER_PATIENCE_MS = 1_000
const AGAIN_MS = 200
/** Reads on an older view than this need the reader's consent, seconds. */
export const STALE_SECONDS = 24 * 3_600
/** Heads that change while a long answer is read: then it is read again. */
const MAX_RESTARTS = 5

type Parts = Pick<ClientParts, 'primitives' | 'clock' | 'identity' | 'pins' | 'acceptStale'>

export class LogClient {
  readonly identity: LogIdentity
  readonly parts: Parts
  readonly tracker: Tracker
  readonly versions: SeenVersions
  readonly #pins: LogPins
  #view: SeenView | undefined
  #asked = -Infinity
  #isLagging = false
  readonly #met: MetHeads
  #witnessesAsked = -Infinity
  #starting: Promise<void> | undefined
  readonly #served: ServedHeads

  constructor(parts: Parts, tracker: Tracker) {
    this.parts = parts
    this.tracker = tracker
    this.identity = logIdentity(genesisCodec.decode(parts.identity.genesis))
    this.versions = new SeenVersions(parts.pins)
    this.#pins = new LogPins(parts)
    this.#met = new MetHeads(this)
    this.#served = new ServedHeads(parts.primitives, this.identity, tracker)
  }

  /** What is pinned now. */
  pins(): Promise<Pins> {
    return this.#pins.load()
  }

  /** Changes the pins on disk. */
  update(change: (pins: Pins) => Pins): Promise<Pins> {
    return this.#pins.update(change)
  }

  /** The newest verified view, at most 5 s old; throws what is wrong with it. */
  async view(): Promise<SeenView> {
    await this.#start()
    if (this.#view !== undefined && this.#now() - this.#asked < VIEW_MS) return this.#view
    return (await this.prove({ points: [], prefixes: [] })).view
  }

  /** What stands in the map, under a verified view; throws UntrustedError for anything that isn't proven. */
  async prove(question: MapQuestion): Promise<Proven> {
    await this.#start()
    return this.#prove(question)
  }

  /** A head of this size holds all that this device has written. */
  ownSize(): Promise<number> {
    return this.#pins.ownSize()
  }

  /** Entries that the tracker has now, as it says. */
  async size(): Promise<number> {
    const from = this.#view?.checkpoint.size ?? 0
    return (await this.tracker.call(logEntries, { from, count: 0, changes: false })).size
  }

  /** The view on which an operation may be written, as operations name it; throws ForkedError, NotEnoughProvidersError, UntrustedError. */
  async writable(): Promise<Head> {
    await this.requireUnforked()
    const end = this.#now() + QUORUM_PATIENCE_MS
    let view = await this.view()
    let state = this.freshness(view)
    while (state === 'stale' && this.#now() < end) {
      await this.parts.clock.sleep(AGAIN_MS)
      view = (await this.#confirmAnew(view)) ?? view
      state = this.freshness(view)
    }
    if (state === 'stale')
      throw new NotEnoughProvidersError(
        'too few witnesses have confirmed the log in the last ten minutes; nothing was written',
        { confirmed: view.confirmed.time },
      )
    if (state === 'clock')
      throw new UntrustedError(
        "this machine's clock is more than five minutes from the witnesses'; nothing was written. `allmend doctor` compares it with the tracker's",
        { here: view.seen, witnesses: view.confirmed.median },
      )
    await settleOwnEntries(this)
    const { size, root, signature } = view.checkpoint
    return size === 0 ? emptyHead(this.parts.primitives) : { size, root, signature }
  }

  /** Reads may go on for a day on a view that isn't fresh; then only with the reader's consent. */
  async requireReadable(): Promise<void> {
    const view = await this.view()
    const age = this.#seconds() - view.confirmed.time
    if (view.isWitnessed && age > STALE_SECONDS && this.parts.acceptStale !== true)
      throw new UntrustedError(
        'no quorum of witnesses has confirmed the log for more than a day, by this machine’s clock: what you see may be old (--stale shows it all the same)',
        { confirmed: view.confirmed.time },
      )
  }

  /** A verified head as it was served, with its last leaf; undefined where the tracker serves another one by now. */
  servedHead({ checkpoint }: SeenView): Promise<ServedHead | undefined> {
    return this.#served.of(checkpoint)
  }

  /** The newest view that was verified, however old. */
  get current(): SeenView | undefined {
    return this.#view
  }

  /** What people should know about the view that was read, if anything. */
  notice(): string | undefined {
    const view = this.#view
    if (view === undefined || !view.isWitnessed) return undefined
    return viewNotice(this.freshness(view), view.confirmed.time, this.#isLagging)
  }

  freshness(view: SeenView): 'fresh' | 'stale' | 'clock' {
    const now = this.#seconds()
    if (view.isWitnessed) return freshness(view.confirmed, view.seen, now)
    // The log alone stands in: what it served just now counts, unless it lives in the future.
    if (view.time / 1_000 > view.seen + CLOCK_SLACK_SECONDS) return 'clock'
    return now - view.seen > FRESH_SECONDS ? 'stale' : 'fresh'
  }

  async requireUnforked(): Promise<void> {
    const { forked } = await this.pins()
    if (forked !== undefined)
      throw new ForkedError(
        `the log of this pool was shown to have two histories (${forked.reason}): nothing is written any more. ` +
          `Evidence: ${forked.evidence}`,
        { since: forked.since, evidence: forked.evidence },
      )
  }

  /** Keeps evidence and gives the error to throw. */
  mistrust(reason: string, evidence?: Partial<Evidence>, facts?: ErrorFacts): Promise<UntrustedError> {
    return mistrust(this, reason, evidence, facts)
  }

  /** Freezes this client for good; gives the error to throw. */
  freeze(reason: string, evidence: Partial<Evidence>, fork?: ForkProof): Promise<ForkedError> {
    return freeze(this, reason, evidence, fork)
  }

  /** Holds a checkpoint that came another way against the pinned one; errors as of `meetCheckpoint`. */
  meet(note: Uint8Array): Promise<Checkpoint> {
    return meetCheckpoint(this, note)
  }

  /** The same head may have been signed again, to say that it still is the newest. */
  async #confirmAnew(before: SeenView): Promise<SeenView | undefined> {
    const { head } = await this.tracker.call(logHead, { from: before.checkpoint.size, covers: undefined })
    return this.#accept(before, head, this.#now())
  }

  /** Holds the head that an operation of another device names against this log, once each; errors as of `meetCheckpoint`. */
  meetHead(head: Head): Promise<unknown> {
    return this.#met.meet(head)
  }

  /** Before anything else a command looks at what was promised to earlier ones. */
  #start(): Promise<void> {
    this.#starting ??= (async () => {
      const { head } = await this.pins()
      if (head !== undefined) this.#view = viewOfPin(this.parts.primitives, this.identity, head)
      const covers = await this.ownSize()
      await this.#prove({ points: [], prefixes: [], ...(covers === 0 ? {} : { covers }) })
      await settleOwnEntries(this, (asked) => this.#prove(asked))
      await requireKept(this)
    })().catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  async #prove(question: MapQuestion): Promise<Proven> {
    const wantsWitnesses = this.#now() - this.#witnessesAsked >= WITNESSES_MS
    if (!wantsWitnesses) return this.#whole(question)
    // A question of its own: ranges must not overlap, and anybody may ask for an admin's devices.
    const { primitives, identity } = this.parts
    const prefixes = witnessPrefixes(primitives, identity.genesis)
    const { found, view, proof } = await this.#whole({ points: [], prefixes, covers: question.covers })
    await pinWitnesses(this, found)
    this.#witnessesAsked = this.#now()
    const isAll = question.points.length === 0 && question.prefixes.length === 0
    return isAll ? { view, found: [], proof, answers: [] } : this.#whole(question)
  }

  /** Asks until all parts of the question are proven under one head. */
  async #whole(question: MapQuestion): Promise<Proven> {
    for (let restart = 0; ; restart++) {
      const open: MapPart[] = partsOf(question)
      if (open.length === 0)
        return {
          view: await this.#head(question.covers),
          found: [],
          proof: new Uint8Array(0),
          answers: [],
        }
      const found: ProvenEntry[] = []
      const answers: PartAnswer[] = []
      let under: SeenView | undefined
      for (let part = open.shift(); part !== undefined; part = open.shift()) {
        const answer = await this.#part(part, question.covers)
        if (under !== undefined && answer.view.checkpoint.size !== under.checkpoint.size) {
          under = undefined
          break
        }
        under = answer.view
        answers.push(answer.answer)
        for (const entry of answer.found) found.push(entry)
        if (answer.rest.prefixes.length > 0) open.push(answer.rest)
      }
      if (under !== undefined) return { view: under, found, proof: answers.at(-1)!.proof, answers }
      if (restart === MAX_RESTARTS)
        throw new UntrustedError('the log changes faster than it can be read', { restarts: restart })
    }
  }

  /** The newest head alone. */
  async #head(covers: number | undefined): Promise<SeenView> {
    const begin = this.#now()
    for (;;) {
      const before = this.#view
      const { head } = await this.tracker.call(logHead, { from: before?.checkpoint.size, covers })
      const view = await this.#accept(before, head, begin)
      if (view !== undefined && this.#isEnough(view, covers, begin)) return view
      await this.#waitAgain()
    }
  }

  /** Between two questions for a head; what the tracker doesn't have any more isn't waited for. */
  async #waitAgain(): Promise<void> {
    await requireKept(this)
    await this.parts.clock.sleep(AGAIN_MS)
  }

  /** What isn't covered in time is the caller's to decide; once witnesses lag, nobody waits for each answer. */
  #isEnough({ checkpoint, isWitnessed }: SeenView, covers = 0, begin: number): boolean {
    const isCovered = checkpoint.size >= covers
    if (isCovered) this.#isLagging = false
    const patience = !isWitnessed ? QUORUM_PATIENCE_MS : this.#isLagging ? 0 : COVER_PATIENCE_MS
    if (isCovered || this.#now() - begin < patience) return isCovered
    this.#isLagging = true
    return true
  }

  async #part(
    part: MapPart,
    covers: number | undefined,
  ): Promise<{ view: SeenView; found: ProvenEntry[]; rest: MapPart; answer: PartAnswer }> {
    const { primitives } = this.parts
    const begin = this.#now()
    for (;;) {
      const before = this.#view
      const answer = await this.tracker.call(mapProof, {
        from: before?.checkpoint.size,
        covers,
        points: part.points,
        prefixes: part.prefixes,
        entries: true,
      })
      const view = await this.#accept(before, answer.head, begin)
      if (view !== undefined && this.#isEnough(view, covers, begin)) {
        const { proof } = answer
        const served = () => ({
          served: encodeCheckpoint(primitives, this.identity, view.checkpoint),
          proof,
          keys: [...part.points, ...part.prefixes],
          entries: answer.entries,
        })
        const proven = await judged(this, served, () => verifyPart(primitives, view.map, part, answer))
        return { view, ...proven, answer }
      }
      await this.#waitAgain()
    }
  }

  /** The view that an answer is under; undefined when it is to be asked again. */
  async #accept(
    before: SeenView | undefined,
    served: ServedHead | undefined,
    begin: number,
  ): Promise<SeenView | undefined> {
    if (served === undefined) {
      if (before === undefined) throw new UntrustedError('the tracker serves no head of its log')
      this.#asked = this.#now()
      // The log alone stands in while unwitnessed: that it still serves this head is what it has to say.
      const again = before.isWitnessed ? before : { ...before, seen: this.#seconds() }
      if (this.#view === before) this.#view = again
      return again
    }
    const view = await acceptHead(this, before, served, this.#now() - begin)
    if (view === undefined) return undefined
    this.#served.add(view.checkpoint.size, served)
    this.#asked = this.#now()
    if (this.#view === undefined || this.#view.checkpoint.size <= view.checkpoint.size) this.#view = view
    return view
  }

  #now(): number {
    return this.parts.clock.monotonic()
  }

  #seconds(): number {
    return Math.floor(this.parts.clock.now() / 1_000)
  }
}
