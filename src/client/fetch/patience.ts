import { toHex } from '../../core/open/bytes.ts'
import type { ErrorFacts } from '../../core/open/errors.ts'
import { NotEnoughShardsError, UnreachableError } from '../../core/open/errors.ts'
import type { ProviderView } from '../../core/open/protocol/tracker-methods.ts'
import type { Client } from '../client.ts'

/** How long reads wait for providers to come back unless they are told, ms: a home that got another address is back within 15 s. */
export const PATIENCE_MS = 60_000
/** The same while the tracker is away, which says who was there: long enough for a home that got another address, ms. */
export const ALONE_MS = 15_000
const RETRY_MS = 1_000

/** Too few shards can be had: these providers were asked in vain, and `lacking` of them would be enough. */
export class ProvidersAwayError extends NotEnoughShardsError {
  readonly away: readonly Uint8Array[]
  readonly lacking: number

  constructor(
    message: string,
    facts: ErrorFacts,
    away: readonly Uint8Array[],
    lacking: number,
    options?: { cause?: unknown },
  ) {
    super(message, facts, options)
    this.away = away
    this.lacking = lacking
  }
}

/** What a read waits for. */
export interface Waiting {
  /** Names of providers. */
  readonly providers: readonly string[]
  /** Until it gives up unless something comes, ms. */
  readonly leftMs: number
}

export interface PatienceOptions {
  /** How long to wait for providers that are away, ms; by default PATIENCE_MS, with 0 not at all. */
  readonly waitMs?: number
  readonly onWaiting?: (waiting: Waiting) => void
  readonly signal?: AbortSignal
}

/** Whether a provider that didn't answer may be back soon: the tracker has heard of it lately. */
export function mayReturn({ up, reportedAgo }: ProviderView, withinMs: number): boolean {
  return up || (reportedAgo !== undefined && reportedAgo < withinMs)
}

/**
 * How long the reads of one command wait for providers that are moving. Invariants:
 * - it waits only while as many as are lacking were there less than `waitMs` ago, by the tracker's word: for who has been gone for long
 *   nobody waits. Without that word it waits for all, not longer than ALONE_MS.
 * - it gives up when nothing at all was read for `waitMs`; whom it waited for in vain it doesn't wait for again.
 */
export class Patience {
  readonly #client: Pick<Client, 'clock' | 'providers'>
  readonly #options: PatienceOptions
  readonly #waitMs: number
  readonly #vain = new Set<string>()
  #progressAt: number

  constructor(client: Pick<Client, 'clock' | 'providers'>, options: PatienceOptions = {}) {
    this.#client = client
    this.#options = options
    this.#waitMs = options.waitMs ?? PATIENCE_MS
    this.#progressAt = client.clock.monotonic()
  }

  /** Something was read. */
  gotOn(): void {
    this.#progressAt = this.#client.clock.monotonic()
  }

  /** Waits a moment; false where it isn't worth asking again. Throws CancelledError. */
  async wait({ away, lacking }: Pick<ProvidersAwayError, 'away' | 'lacking'>): Promise<boolean> {
    const { clock, providers } = this.#client
    const { signal, onWaiting } = this.#options
    const coming = await this.#coming()
    const waitMs = coming === undefined ? Math.min(this.#waitMs, ALONE_MS) : this.#waitMs
    const leftMs = this.#progressAt + waitMs - clock.monotonic()
    if (leftMs <= 0) for (const id of away) this.#vain.add(toHex(id))
    const isComing = (id: string) => !this.#vain.has(id) && coming?.has(id) !== false
    const awaited = away.filter((id) => isComing(toHex(id)))
    if (leftMs <= 0 || awaited.length < lacking) return false
    onWaiting?.({ providers: awaited.map((id) => providers.nameOf(id)).sort(), leftMs })
    await clock.sleep(Math.min(RETRY_MS, leftMs), signal)
    return true
  }

  /** Who may be back soon; undefined where the tracker can't be asked. */
  async #coming(): Promise<ReadonlySet<string> | undefined> {
    try {
      const all = await this.#client.providers.list(true)
      return new Set(all.filter((one) => mayReturn(one, this.#waitMs)).map(({ id }) => toHex(id)))
    } catch (error) {
      if (error instanceof UnreachableError) return undefined
      throw error
    }
  }
}
