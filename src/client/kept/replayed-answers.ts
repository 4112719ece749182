/**
 * What was kept, as if it were asked now. Invariants:
 * - nothing is believed for having been kept: the verification that asks is the one that asks the tracker, heads are signed by the log and
 *   cosigned by a quorum of the witnesses that were pinned then, every proof is of such a head's map.
 * - a head is no newer than the pinned one, and of one size the pinned one. How old it is, is told.
 * - nothing here changes what this home remembers.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { verifyHead } from '../../core/open/log/heads/verify-head.ts'
import { promiseCodec } from '../../core/open/log/promise.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import type { Method } from '../../core/open/protocol/method.ts'
import type { Pins } from '../../ports/pin-store.ts'
import type { LogClient } from '../log/log-client.ts'
import { STALE_SECONDS } from '../log/log-client.ts'
import type { LogReader, Proven } from '../log/log-reader.ts'
import type { MapPart, MapQuestion } from '../log/map-query.ts'
import { partsOf, verifyPart } from '../log/map-query.ts'
import type { ProvenEntry } from '../log/map-query.ts'
import type { SeenView } from '../log/pinned-view.ts'
import type { TrackerCalls } from '../tracker.ts'
import type { Answers } from './recording.ts'
import type { Transcript } from './transcript.ts'
import { questionHash, requestHash, transcriptCodec } from './transcript.ts'

/** As of when kept answers are. */
export interface KeptTime {
  /** When their head was the newest, as the witnesses say or, unwitnessed, by our clock: Unix seconds. */
  readonly asOf: number
  /** This home has seen a newer head since. */
  readonly isBehind: boolean
}

/** Answers out of a transcript; `onTime` hears of every head that is used. Throws UntrustedError, MalformedError as verifying does. */
export class ReplayedAnswers implements Answers {
  readonly tracker: TrackerCalls
  readonly log: LogReader
  readonly #online: LogClient
  readonly #transcript: Transcript
  readonly #onTime: (time: KeptTime) => void
  readonly #views = new Map<number, Promise<SeenView>>()

  constructor(online: LogClient, bytes: Uint8Array, onTime: (time: KeptTime) => void) {
    this.#online = online
    this.#transcript = transcriptCodec.decode(bytes)
    this.#onTime = onTime
    this.tracker = { call: async (method, request) => this.#call(method, request) }
    this.log = {
      identity: online.identity,
      parts: online.parts,
      tracker: this.tracker,
      // An older view than what was seen is told with its time; it is no lie of the tracker's.
      versions: { of: () => Promise.resolve(0), see: () => Promise.resolve() },
      pins: () => this.#pins(),
      update: async (change) => {
        const pins = await this.#pins()
        change(pins)
        return pins
      },
      view: () => this.#view(0),
      ownSize: () => Promise.resolve(0),
      size: () => Promise.resolve(0),
      mistrust: (reason, _evidence, facts) => Promise.resolve(changed(reason, facts)),
      requireReadable: () => Promise.resolve(),
      prove: (question) => this.#prove(question),
    }
  }

  #call<Request, Response>(method: Method<Request, Response>, request: Request): Response {
    const hash = requestHash(this.#online.parts.primitives, method, request)
    const found = this.#transcript.calls.find(([id, asked]) => id === method.id && equalBytes(asked, hash))
    if (found === undefined) throw changed(`${method.name} has no answer`)
    return method.response.decode(found[2])
  }

  async #prove(question: MapQuestion): Promise<Proven> {
    const { primitives } = this.#online.parts
    const hash = questionHash(primitives, question)
    const kept = this.#transcript.proofs.find((proof) => equalBytes(proof.question, hash))
    if (kept === undefined) throw changed('a question about the map has no answer')
    const view = await this.#view(kept.head)
    const open: MapPart[] = partsOf(question)
    const found: ProvenEntry[] = []
    for (const answer of kept.answers) {
      const part = open.shift()
      if (part === undefined) throw changed('more answers than questions')
      const proven = verifyPart(primitives, view.map, part, answer)
      for (const entry of proven.found) found.push(entry)
      if (proven.rest.prefixes.length > 0) open.push(proven.rest)
    }
    if (open.length > 0) throw changed('a question about the map has half an answer')
    return { view, found, proof: kept.answers.at(-1)?.proof ?? new Uint8Array(0), answers: kept.answers }
  }

  /** What this home remembers, with the promises of that time, which the log has signed. */
  async #pins(): Promise<Pins> {
    const { parts, identity } = this.#online
    const pins = await this.#online.pins()
    for (const { index, time, hash, promise } of this.#transcript.own) {
      const body = promiseCodec.encode({ v: 1, index, time, hash })
      openSigned(parts.primitives, 'promise', pins.pool, identity.key, promiseCodec, [body, promise])
    }
    return { ...pins, own: this.#transcript.own }
  }

  #view(place: number): Promise<SeenView> {
    const view = this.#views.get(place) ?? this.#verified(place)
    this.#views.set(place, view)
    return view
  }

  async #verified(place: number): Promise<SeenView> {
    const { parts, identity } = this.#online
    const { heads, witnesses, tracker, seen } = this.#transcript
    const head = heads[place]
    if (head === undefined) throw changed('a head is missing')
    const trust = { log: identity, witnesses, tracker }
    const verdict = verifyHead(parts.primitives, trust, undefined, { ...head, consistency: [] })
    // Without a pin to begin with there is nothing to be behind, or to contradict.
    if (verdict.kind !== 'valid') throw changed('a head is not one')
    const view: SeenView = { ...verdict.view, seen }
    const isBehind = await this.#againstPin(view)
    const asOf = view.isWitnessed ? view.confirmed.time : seen
    const age = Math.floor(parts.clock.now() / 1_000) - asOf
    if (age > STALE_SECONDS && parts.acceptStale !== true)
      throw new UntrustedError(
        `the tracker can't be reached, and what this home has kept is of ${new Date(asOf * 1_000).toISOString()}, more than a day ` +
          'old: it may have changed since (--stale shows it all the same)',
        { confirmed: asOf },
      )
    this.#onTime({ asOf, isBehind })
    return view
  }

  /** Whether this home has seen a newer head. */
  async #againstPin({ checkpoint }: SeenView): Promise<boolean> {
    const { parts } = this.#online
    // Another command of this home may have come further since this one looked.
    const pinned = (await parts.pins.load())?.head
    if (pinned === undefined || checkpoint.size > pinned.size)
      throw new UntrustedError(
        'this home has kept what is newer than its pins: were they restored from a copy, or changed?',
        { kept: checkpoint.size, pinned: pinned?.size ?? 0 },
      )
    if (checkpoint.size === pinned.size && !equalBytes(checkpoint.root, pinned.root))
      throw changed('it is of another history than the pinned head', { root: toHex(checkpoint.root) })
    return checkpoint.size < pinned.size
  }
}

function changed(reason: string, facts = {}): UntrustedError {
  return new UntrustedError(
    `what this home has kept does not hold (${reason}): its cache was changed or is damaged; what is read from the tracker replaces it`,
    facts,
  )
}
