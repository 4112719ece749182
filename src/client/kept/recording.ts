import { toHex } from '../../core/open/bytes.ts'
import type { Method } from '../../core/open/protocol/method.ts'
import type { RequestOptions } from '../../ports/transport.ts'
import type { OwnEntry } from '../../ports/pin-store.ts'
import type { LogClient } from '../log/log-client.ts'
import type { LogReader, Proven } from '../log/log-reader.ts'
import type { MapQuestion } from '../log/map-query.ts'
import type { Tracker, TrackerCalls } from '../tracker.ts'
import {
  MAX_TRANSCRIPT_BYTES,
  MAX_TRANSCRIPT_HEADS,
  questionHash,
  requestHash,
  transcriptCodec,
} from './transcript.ts'
import type { Transcript } from './transcript.ts'

/** Who answers what is read: the tracker and its log, or what was kept of both. */
export interface Answers {
  readonly tracker: TrackerCalls
  readonly log: LogReader
}

/** What a map proof and a head take beside the bytes in them. */
const PROOF_OVERHEAD = 4_096

/** The tracker's answers, written down while something is verified with them. */
export class Recording {
  readonly answers: Answers
  readonly #log: LogClient
  readonly #calls = new Map<string, readonly [method: number, request: Uint8Array, answer: Uint8Array]>()
  readonly #proofs = new Map<string, { readonly question: Uint8Array; readonly proven: Proven }>()
  #bytes = 0
  /** It isn't too large. */
  #isFit = true
  #own: readonly OwnEntry[] = []

  constructor(log: LogClient, tracker: Tracker) {
    this.#log = log
    const recorded: TrackerCalls = {
      call: (method, request, options) => this.#call(tracker, method, request, options),
    }
    this.answers = {
      tracker: recorded,
      log: {
        identity: log.identity,
        parts: log.parts,
        versions: log.versions,
        tracker: recorded,
        pins: () => log.pins(),
        update: (change) => log.update(change),
        view: () => log.view(),
        ownSize: () => log.ownSize(),
        size: () => log.size(),
        mistrust: (...why) => log.mistrust(...why),
        requireReadable: () => log.requireReadable(),
        prove: (question) => this.#prove(question),
      },
    }
  }

  /** The transcript's bytes, after all was verified; undefined where its heads can't be had any more, or it is too large. */
  async finish(): Promise<Uint8Array | undefined> {
    if (!this.#isFit) return undefined
    const views = new Map(
      [...this.#proofs.values()].map(({ proven: { view } }) => [view.checkpoint.size, view]),
    )
    const sizes = [...views.keys()]
    if (sizes.length > MAX_TRANSCRIPT_HEADS) return undefined
    const heads: Transcript['heads'][number][] = []
    for (const view of views.values()) {
      const head = await this.#log.servedHead(view)
      if (head === undefined) return undefined
      heads.push({ note: head.note, leaf: head.leaf, path: head.path })
    }
    const { witnesses, tracker } = await this.#log.pins()
    return transcriptCodec.encode({
      v: 1,
      seen: Math.max(0, ...[...views.values()].map(({ seen }) => seen)),
      witnesses,
      tracker,
      heads,
      calls: [...this.#calls.values()],
      proofs: [...this.#proofs.values()].map(({ question, proven: { view, answers } }) => ({
        question,
        head: sizes.indexOf(view.checkpoint.size),
        answers,
      })),
      own: this.#own,
    })
  }

  async #call<Request, Response>(
    tracker: Tracker,
    method: Method<Request, Response>,
    request: Request,
    options: RequestOptions | undefined,
  ): Promise<Response> {
    const { value, structure } = await tracker.ask(method, request, options)
    const hash = requestHash(this.#log.parts.primitives, method, request)
    // Asked again, the newer answer is what was verified.
    this.#calls.set(`${method.id} ${toHex(hash)}`, [method.id, hash, structure])
    this.#weigh(structure.length)
    return value
  }

  async #prove(question: MapQuestion): Promise<Proven> {
    const proven = await this.#log.prove(question)
    const hash = questionHash(this.#log.parts.primitives, question)
    this.#proofs.set(toHex(hash), { question: hash, proven })
    // What witnesses haven't come to yet counts by the log's promise, which this home forgets once they have.
    if (proven.view.checkpoint.size < (question.covers ?? 0)) this.#own = (await this.#log.pins()).own
    for (const { proof, entries } of proven.answers)
      this.#weigh(entries.reduce((sum, { length }) => sum + length, PROOF_OVERHEAD + proof.length))
    return proven
  }

  #weigh(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes <= MAX_TRANSCRIPT_BYTES - PROOF_OVERHEAD * MAX_TRANSCRIPT_HEADS) return
    this.#isFit = false
    // Nobody will want them.
    this.#calls.clear()
    this.#proofs.clear()
  }
}
