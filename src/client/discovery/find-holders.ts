import { AllmendError, CancelledError } from '../../core/open/errors.ts'
import { throwIfCancelled } from '../concurrency.ts'
import type { StripeFinder } from '../../ports/stripe-finder.ts'

/** Providers asked at a time: one that is dead costs its timeout, but not the others'. */
const ASKED_AT_ONCE = 8

/** Place in the stripe, provider id. */
export type FoundHolder = readonly [index: number, provider: Uint8Array]

export interface HoldersToFind {
  readonly finder: StripeFinder
  readonly id: Uint8Array
  /** Shards that are looked for: place in the stripe, id. */
  readonly wanted: readonly (readonly [index: number, shard: Uint8Array])[]
  /** Different ones after which the search ends. */
  readonly enough: number
  /** Which of these shards a provider says it has, in their order (`stat-shards`, on whatever ticket counts). */
  readonly ask: (
    provider: Uint8Array,
    shards: readonly Uint8Array[],
    signal: AbortSignal,
  ) => Promise<readonly boolean[]>
}

/**
 * Asks those who may hold a stripe until enough of the wanted shards are found, or all were asked: each at most once. What they say is a hint:
 * shards are verified as they are read. Throws CancelledError.
 */
export async function findHolders(job: HoldersToFind, signal?: AbortSignal): Promise<FoundHolder[]> {
  const { finder, id, wanted, enough, ask } = job
  const shards = wanted.map(([, shard]) => shard)
  const found: FoundHolder[] = []
  const indices = new Set<number>()
  const stop = new AbortController()
  const cancel = (): void => stop.abort()
  signal?.addEventListener('abort', cancel, { once: true })
  const candidates = finder.find(id, stop.signal)[Symbol.asyncIterator]()

  const worker = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const next = await candidates.next()
      if (next.done === true || stop.signal.aborted) return
      const present = await answered(ask(next.value, shards, stop.signal))
      if (present === undefined) continue
      const held = present.length === shards.length && present.includes(true)
      finder.judge(next.value, held)
      if (!held) continue
      for (const [index] of wanted.filter((_, at) => present[at] === true)) {
        found.push([index, next.value])
        indices.add(index)
      }
      if (indices.size >= enough) stop.abort()
    }
  }
  try {
    throwIfCancelled(signal)
    const results = await Promise.allSettled(Array.from({ length: ASKED_AT_ONCE }, worker))
    throwIfCancelled(signal)
    for (const result of results)
      if (result.status === 'rejected' && !(result.reason instanceof CancelledError)) throw result.reason
    return found
  } finally {
    stop.abort()
    signal?.removeEventListener('abort', cancel)
    await candidates.return?.(undefined)
  }
}

/** Undefined for who can't be reached or refuses: he is no liar for that. */
async function answered(answer: Promise<readonly boolean[]>): Promise<readonly boolean[] | undefined> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof AllmendError)) throw error
    return undefined
  }
}
