/**
 * Copies of shards that are read a lot: who was asked to keep which, and who keeps it. In memory only: when a tracker or a provider starts
 * anew, its copies are dropped, and what is still read a lot is copied again. Invariants:
 * - readers hear of a copy only when this tracker has asked for it, its provider reports it, and is up.
 * - at most MAX_COPIES of a shard, MAX_COPIES_KEPT at a provider; a provider gets a copy, and has one of its shards copied, at most once
 *   in ASK_INTERVAL_MS: however much somebody reads or claims, it moves 3.4 Mbit/s to a provider and no more.
 * - it is asked nowhere here how safe data is, and nothing here is asked for that.
 */
import { toHex } from '../../core/open/bytes.ts'
import { copyTimeMs, MAX_COPIES, MAX_COPIES_KEPT } from '../../core/open/stripes/copies.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Presence } from '../providers/presence.ts'

/** A shard of 4 MiB in that time is little for a home's line. */
export const ASK_INTERVAL_MS = 10_000
/** Who hasn't reported a copy so long after it should be there won't. */
const REPORT_MS = 10_000
/** A provider that didn't take a copy, or served a wrong one, isn't asked for it again so soon. */
export const REFUSED_MS = 10 * 60_000
/** How soon a copy goes whose shard nobody stores any more. */
export const CHECK_INTERVAL_MS = 60_000

/** What a provider is told: where to read the shard, with which ticket. */
export interface CopyAsk {
  readonly address: string
  readonly ticket: Signed
}

interface Copy {
  readonly shard: Uint8Array
  readonly provider: Uint8Array
  readonly space: Uint8Array
  /** How long it may take, ms. */
  readonly timeMs: number
  state: 'asked' | 'told' | 'kept' | 'refused'
  /** Since when; monotonic ms. */
  since: number
  /** When it was looked whether somebody stores the shard. */
  checked: number
  /** Until the provider was told. */
  ask: CopyAsk | undefined
}

export class CopyDirectory {
  readonly #clock: Clock
  readonly #presence: Pick<Presence, 'isUp'>
  /** The same copies twice: by shard, and by provider. */
  readonly #byShard = new Map<string, Map<string, Copy>>()
  readonly #byProvider = new Map<string, Map<string, Copy>>()
  readonly #asked = new Map<string, number>()
  readonly #copied = new Map<string, number>()

  constructor(clock: Clock, presence: Pick<Presence, 'isUp'>) {
    this.#clock = clock
    this.#presence = presence
  }

  /** Whether a shard may get one more copy now because this holder says that it is read a lot. */
  isWanted(shard: Uint8Array, holder: Uint8Array): boolean {
    if (this.#isWithin(this.#copied.get(toHex(holder)), ASK_INTERVAL_MS)) return false
    const copies = [...(this.#byShard.get(toHex(shard))?.values() ?? [])]
    return copies.filter(({ state }) => state !== 'refused').length < MAX_COPIES
  }

  /** Whether a provider may be asked for a copy of this shard now. */
  mayKeep(shard: Uint8Array, provider: Uint8Array): boolean {
    const copies = this.#byProvider.get(toHex(provider))
    if (copies?.has(toHex(shard)) === true || (copies?.size ?? 0) >= MAX_COPIES_KEPT) return false
    return !this.#isWithin(this.#asked.get(toHex(provider)), ASK_INTERVAL_MS)
  }

  /** Whether a provider keeps a copy of this shard, or was asked for one. */
  isAsked(shard: Uint8Array, provider: Uint8Array): boolean {
    const copy = this.#byShard.get(toHex(shard))?.get(toHex(provider))
    return copy !== undefined && copy.state !== 'refused'
  }

  /** Asks a provider for a copy of a holder's shard, with its next report. */
  ask(
    copy: Pick<Copy, 'shard' | 'provider' | 'space'> & {
      readonly holder: Uint8Array
      /** Of the shard. */
      readonly bytes: number
      readonly ask: CopyAsk
    },
  ): void {
    const { shard, provider, space, holder, bytes, ask } = copy
    const now = this.#clock.monotonic()
    this.#asked.set(toHex(provider), now)
    this.#copied.set(toHex(holder), now)
    const timeMs = copyTimeMs(bytes) + REPORT_MS
    const made: Copy = { shard, provider, space, timeMs, state: 'asked', since: now, checked: now, ask }
    entryOf(this.#byShard, shard).set(toHex(provider), made)
    entryOf(this.#byProvider, provider).set(toHex(shard), made)
  }

  /**
   * Takes in what a provider says that it keeps; answers the copies that it should drop, and what it is asked for, once. A copy is
   * looked at with `isStored` now and then.
   */
  report(
    provider: Uint8Array,
    kept: readonly Uint8Array[],
    isStored: (shard: Uint8Array) => boolean,
  ): { readonly drop: Uint8Array[]; readonly ask: CopyAsk | undefined } {
    const here = new Set(kept.map(toHex))
    const copies = this.#byProvider.get(toHex(provider))
    for (const [name, copy] of copies ?? []) this.#update(copy, here.has(name), isStored)
    const drop = kept.filter((shard) => {
      const copy = copies?.get(toHex(shard))
      return copy === undefined || copy.state === 'refused'
    })
    const asked = [...(copies?.values() ?? [])].find(({ ask }) => ask !== undefined)
    if (asked === undefined) return { drop, ask: undefined }
    const { ask } = asked
    this.#become(asked, 'told')
    return { drop, ask }
  }

  /** A provider serves a copy wrong: it is named no more and will be dropped. False where it has none, or `mayJudge` isn't so of its space. */
  refuse(provider: Uint8Array, shard: Uint8Array, mayJudge: (space: Uint8Array) => boolean): boolean {
    const copy = this.#byProvider.get(toHex(provider))?.get(toHex(shard))
    if (copy?.state !== 'kept' || !mayJudge(copy.space)) return false
    this.#become(copy, 'refused')
    return true
  }

  /** Providers that are up and keep copies of the shard. */
  of(shard: Uint8Array): Uint8Array[] {
    // Nearly always there are none at all, and readers ask for thousands.
    if (this.#byShard.size === 0) return []
    return [...(this.#byShard.get(toHex(shard))?.values() ?? [])]
      .filter(({ state, provider }) => state === 'kept' && this.#presence.isUp(provider))
      .map(({ provider }) => provider)
  }

  /** Copies that a provider keeps. */
  countOf(provider: Uint8Array): number {
    const copies = [...(this.#byProvider.get(toHex(provider))?.values() ?? [])]
    return copies.filter(({ state }) => state === 'kept').length
  }

  #update(copy: Copy, isHere: boolean, isStored: (shard: Uint8Array) => boolean): void {
    const { state, since, shard, timeMs } = copy
    if (state === 'refused') {
      if (!isHere && !this.#isWithin(since, REFUSED_MS)) this.#forget(copy)
    } else if (!isHere) {
      if (state === 'kept') this.#forget(copy)
      else if (!this.#isWithin(since, timeMs)) this.#become(copy, 'refused')
    } else {
      if (state !== 'kept') this.#become(copy, 'kept')
      if (this.#isWithin(copy.checked, CHECK_INTERVAL_MS)) return
      copy.checked = this.#clock.monotonic()
      if (!isStored(shard)) this.#become(copy, 'refused')
    }
  }

  #become(copy: Copy, state: Copy['state']): void {
    copy.state = state
    copy.since = this.#clock.monotonic()
    copy.ask = undefined
  }

  #forget({ shard, provider }: Copy): void {
    for (const [map, outer, inner] of [
      [this.#byShard, shard, provider],
      [this.#byProvider, provider, shard],
    ] as const) {
      const entry = map.get(toHex(outer))
      entry?.delete(toHex(inner))
      if (entry?.size === 0) map.delete(toHex(outer))
    }
  }

  #isWithin(time: number | undefined, ms: number): boolean {
    return time !== undefined && this.#clock.monotonic() - time < ms
  }
}

function entryOf(map: Map<string, Map<string, Copy>>, id: Uint8Array): Map<string, Copy> {
  const entry = map.get(toHex(id)) ?? new Map<string, Copy>()
  map.set(toHex(id), entry)
  return entry
}
