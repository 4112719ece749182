/**
 * Sends one stripe: places it, hands every shard to its provider, places anew what fails, and reports what is durable.
 * Invariants:
 * - a stripe is sealed only with at least the happy threshold of shards acknowledged, each by another provider.
 * - once it is happy it waits for all n shards up to `waitMs`, or as long again as it took, and fails when nothing got on for as long: no shard was
 *   stored, and no byte went out that its provider was not sent before, of this stripe or of others that it is sent as well. So a slow
 *   line fails nothing, and one that is sent the same again and again does.
 * - a shard that a provider may have is asked for before it is sent to it again.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import {
  AllmendError,
  CancelledError,
  CapacityError,
  DeniedError,
  NotEnoughProvidersError,
  UnreachableError,
  UntrustedError,
} from '../../core/open/errors.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { putShard, statShards } from '../../core/open/protocol/provider-methods.ts'
import type { BlobPlace, PlacementAnswer } from '../../core/open/protocol/tracker-methods.ts'
import { placeStripe, replaceShard, sealStripe } from '../../core/open/protocol/tracker-methods.ts'
import { schemeFor } from '../../core/open/stripes/scheme.ts'
import type { Stripe } from '../../core/open/stripes/stripe.ts'
import { happyThreshold, stripeId } from '../../core/open/stripes/stripe.ts'
import type { Client } from '../client.ts'
import { throwIfCancelled } from '../concurrency.ts'

/** How long a put waits for the last shards of a stripe, or for a provider to come back, unless it is told. */
export const TARGET_WAIT_MS = 10_000
/** However short a wait: who is asked has to have time to answer, ms. */
const LEAST_WAIT_MS = 1_000
const RETRY_MS = 500
const WATCH_MS = 100
/** All stripes that are sent at once, over a home's line of 2 Mbit/s; the transport notices a dead peer much earlier. */
const SHARD_TIMEOUT_MS = 300_000

export interface StripeToSend {
  readonly space: Uint8Array
  readonly stripe: Stripe
  readonly shards: readonly Uint8Array[]
  readonly blobs: readonly BlobPlace[]
  /** An earlier run planned this very stripe: ask what is there before sending. */
  readonly resumed: boolean
  readonly waitMs: number
  /** How long it waits, ms, while `isMoving`: too few are there for any stripe, and those that are missing may come back. */
  readonly patienceMs: number
  readonly isMoving: () => Promise<boolean>
}

export interface StripeEvents {
  /** Bytes of one shard that went out; so many of them, beyond its length, again. */
  onSent(bytes: number, repeated: number): void
  /** A shard became durable; `stored` counts them. */
  onStored(stored: number): void
}

export interface StripeOutcome {
  readonly stored: number
  /** Shards by index, and who has them. */
  readonly holders: readonly (readonly [index: number, provider: Uint8Array])[]
  readonly n: number
  readonly k: number
}

interface Target {
  readonly provider: Uint8Array
  readonly ticket: Signed
}

/** Sends the stripe and seals it; throws NotEnoughProvidersError or CapacityError below the happy threshold. */
export async function sendStripe(
  client: Client,
  job: StripeToSend,
  events: StripeEvents,
  signal?: AbortSignal,
): Promise<StripeOutcome> {
  const { clock, tracker } = client
  const { k, n } = job.stripe
  const happy = happyThreshold({ k, n })
  const id = stripeId(client.primitives, job.stripe)
  const targets = await place(client, job, signal)

  const stored = new Map<number, Uint8Array>()
  const startedAt = clock.monotonic()
  let lastProgress = startedAt
  let happySince: number | undefined
  let lastError: unknown
  /** Providers that have refused a shard for want of room. */
  const full = new Map<string, CapacityError>()
  /** Most bytes of a shard that were sent to a provider. */
  const reached = new Map<string, number>()
  /** Bytes of each shard that were sent to anybody. */
  const sentOf = Array.from({ length: n }, () => 0)
  const stop = new AbortController()
  const cancel = () => stop.abort()
  signal?.addEventListener('abort', cancel, { once: true })

  const waitMs = Math.max(job.waitMs, LEAST_WAIT_MS)
  const gaveUp = async (): Promise<boolean> => {
    const now = clock.monotonic()
    if (happySince === undefined) {
      const silent = now - lastProgress
      return silent >= waitMs && (silent >= job.patienceMs || !(await job.isMoving()))
    }
    // On a slow line shards of one stripe end far apart.
    return now - lastProgress >= waitMs || now - happySince >= Math.max(waitMs, happySince - startedAt)
  }
  const markStored = (index: number, provider: Uint8Array) => {
    for (const [other, holder] of stored)
      if (other !== index && equalBytes(holder, provider))
        throw new UntrustedError('the tracker places two shards of a stripe on one provider', { provider })
    stored.set(index, provider)
    lastProgress = clock.monotonic()
    if (stored.size >= happy) happySince ??= lastProgress
    events.onStored(stored.size)
  }

  const gotOn = () => {
    lastProgress = clock.monotonic()
  }
  /** False for bytes that were sent before. */
  const markSent = (index: number, provider: Uint8Array, bytes: number): boolean => {
    const key = `${index} ${toHex(provider)}`
    if (bytes <= (reached.get(key) ?? 0)) return false
    reached.set(key, bytes)
    gotOn()
    return true
  }

  /** Sends a shard when its provider's turn comes. */
  async function send(index: number, { provider, ticket }: Target): Promise<void> {
    const [shard] = job.stripe.shards[index]!
    const bytes = job.shards[index]!
    // Not when it is its turn: the line would be idle for that long.
    await client.providers.prepare(provider, ticket)
    const turn = await client.providers.peer(provider).queue.enter(bytes.length, gotOn, stop.signal)
    let sent = 0
    const onSent = (total: number) => {
      const spare = bytes.length - sentOf[index]!
      sentOf[index]! += total - sent
      events.onSent(total - sent, Math.max(0, total - sent - Math.max(0, spare)))
      sent = total
      turn.sent(total)
      if (markSent(index, provider, total)) turn.moved()
    }
    try {
      const options = { signal: stop.signal, timeoutMs: SHARD_TIMEOUT_MS, onSent }
      await client.providers.call(
        provider,
        ticket,
        putShard,
        { shard, index, k: job.stripe.k },
        bytes,
        options,
      )
      turn.moved()
    } finally {
      turn.end()
    }
  }

  async function settleShard(index: number): Promise<void> {
    let target = targets.get(index)
    const failed: Uint8Array[] = []
    let denied: Uint8Array | undefined
    /** Providers that may have it, though they didn't say so. */
    const asked = new Set<string>()
    let wasCutOff = false
    while (!stop.signal.aborted) {
      if (target !== undefined) {
        const { provider } = target
        const name = toHex(provider)
        try {
          const isThere =
            (job.resumed || asked.has(name)) && (await hasShard(client, job, index, target, stop.signal))
          if (!isThere) await send(index, target)
          markStored(index, provider)
          return
        } catch (error) {
          if (!(error instanceof AllmendError) || error instanceof CancelledError) throw error
          lastError = error
          if (error instanceof CapacityError) full.set(name, error)
          if (error instanceof UnreachableError) asked.add(name)
          // This machine moved, and the provider is as good as before; once.
          if (error.facts['wasCutOff'] === true && !wasCutOff) {
            wasCutOff = true
            continue
          }
          wasCutOff = false
          // A ticket may just have run out: a new one for the same provider comes with the next placement, once.
          if (error instanceof DeniedError && (denied === undefined || !equalBytes(denied, provider)))
            denied = provider
          else failed.push(provider)
        }
      }
      try {
        const answer = await tracker.call(
          replaceShard,
          { stripe: id, index, failed },
          { signal: stop.signal },
        )
        target = targetsOf(answer).get(index)
      } catch (error) {
        if (!(error instanceof NotEnoughProvidersError || error instanceof CapacityError)) throw error
        // That nobody else is left says less than that one was full.
        if (!(lastError instanceof CapacityError)) lastError = error
        target = undefined
        // Whoever failed may have come back by the next round.
        failed.length = 0
        await clock.sleep(RETRY_MS, stop.signal)
      }
    }
  }

  const settled = Array.from({ length: n }, (_, index) => settleShard(index))
  // Ends the waiting for a shard that neither arrives nor fails.
  const watch = (async () => {
    while (!(await gaveUp())) await clock.sleep(WATCH_MS, stop.signal)
  })().finally(() => stop.abort())
  const all = Promise.allSettled(settled).finally(() => stop.abort())
  const results = (await Promise.all([all, Promise.allSettled([watch])])).flat()
  signal?.removeEventListener('abort', cancel)
  throwIfCancelled(signal)
  for (const result of results)
    if (result.status === 'rejected' && !(result.reason instanceof CancelledError)) throw result.reason

  // Where the full ones alone are too many, it doesn't matter what became of any of them since.
  const [firstFull] = full.size > n - happy ? full.values() : []
  if (stored.size < happy) throw tooFew(stored.size, happy, n, firstFull ?? lastError)
  const holders = [...stored].sort(([a], [b]) => a - b)
  await tracker.call(sealStripe, { stripe: id, stored: holders, blobs: job.blobs })
  return { stored: stored.size, holders, n, k }
}

async function place(
  client: Client,
  job: StripeToSend,
  signal: AbortSignal | undefined,
): Promise<Map<number, Target>> {
  const started = client.clock.monotonic()
  for (;;) {
    try {
      const answer = await client.tracker.call(placeStripe, { space: job.space, stripe: job.stripe })
      return targetsOf(answer)
    } catch (error) {
      if (!(error instanceof CapacityError || error instanceof NotEnoughProvidersError)) throw error
      // Space isn't freed by waiting, and a narrower stripe can be placed at once.
      const isFinal = error instanceof CapacityError || schemeFor(placeable(error)) !== undefined
      const waited = client.clock.monotonic() - started
      const isOver = waited >= job.waitMs && (waited >= job.patienceMs || !(await job.isMoving()))
      if (isFinal || isOver) throw tooFew(0, happyThreshold(job.stripe), job.stripe.n, error)
      await client.clock.sleep(RETRY_MS, signal)
    }
  }
}

/** How many shards of a stripe could have been placed, as the failure or what it came from says; 0 when nothing says so. */
export function placeable(error: AllmendError): number {
  const { available, withRoom } = error.facts
  if (typeof available === 'number') return available
  if (typeof withRoom === 'number') return withRoom
  return error.cause instanceof AllmendError ? placeable(error.cause) : 0
}

function targetsOf(answer: PlacementAnswer): Map<number, Target> {
  const tickets = new Map(answer.tickets.map(([provider, ticket]) => [toHex(provider), ticket]))
  const targets = new Map<number, Target>()
  for (const [index, provider] of answer.shards) {
    const ticket = tickets.get(toHex(provider))
    if (ticket !== undefined) targets.set(index, { provider, ticket })
  }
  return targets
}

/** Whether the provider has the shard already. */
async function hasShard(
  client: Client,
  job: StripeToSend,
  index: number,
  { provider, ticket }: Target,
  signal: AbortSignal,
): Promise<boolean> {
  const shards = [job.stripe.shards[index]![0]]
  const { value } = await client.providers.call(provider, ticket, statShards, { shards }, undefined, {
    signal,
  })
  return value.present[0] === true
}

function tooFew(stored: number, happy: number, n: number, cause: unknown): AllmendError {
  const facts = { stored, happy, n }
  if (cause instanceof CapacityError)
    return new CapacityError(
      `the pool is full: a stripe found room for ${stored} of its ${n} shards and needs at least ${happy}; what was ` +
        'committed before is safe; add a provider or free space, then run the same put again: it resumes',
      facts,
      { cause },
    )
  return new NotEnoughProvidersError(
    `too few providers: a stripe could place ${stored} of its ${n} shards and needs at least ${happy}; what was ` +
      'committed before is safe; bring providers back, then run the same put again: it resumes',
    facts,
    { cause },
  )
}
