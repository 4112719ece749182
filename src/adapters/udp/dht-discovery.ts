/**
 * Discovery over the pool's DHT. An announcement is signed by the node's net key for one topic, one storing node and that node's
 * token, which is bound to the sender's address and changes every few seconds: a copy of it is worth nothing elsewhere or later.
 *
 * Invariant: what others answer costs a bounded time and memory; it is never believed.
 */
import type HyperDHT from 'hyperdht'
import type { DhtQuery, LookupReply } from 'hyperdht'
import { toHex } from '../../core/open/bytes.ts'
import { CancelledError, UnreachableError } from '../../core/open/errors.ts'
import type { Discovery } from '../../ports/discovery.ts'
import { LOOKUP_MS, MAX_FOUND } from '../../ports/discovery.ts'
import { systemClock } from '../wire/clock.ts'

/** How long a lookup that has found something waits for more, in times of the first answer and at least ms: dead nodes take seconds. */
const PATIENCE = 2
const MIN_PATIENCE_MS = 100
/**
 * Nodes asked at a time, twice as many as a topic belongs to: dead ones keep their places for a second. With a tenth of 200 nodes gone a lookup
 * takes 4.4 round trips so, 5.7 with 20 at a time, for as many packets.
 */
const CONCURRENCY = 40
/** A lookup, then storing at each of the nearest: who doesn't answer has had its retries by then. */
const ANNOUNCE_MS = 15_000

/** Finds and is found in the DHT of this node, in the name of the node's key. */
export function dhtDiscovery(dht: HyperDHT): Discovery {
  const own = dht.defaultKeyPair
  return {
    async announce(topic, signal) {
      await store(() => dht.announce(Buffer.from(topic), own), signal)
    },
    async withdraw(topic, signal) {
      await store(() => dht.lookupAndUnannounce(Buffer.from(topic), own), signal)
    },
    async lookup(topic, signal) {
      const found = new Map<string, Uint8Array>()
      const started = systemClock.now()
      let patience: number | undefined
      const collect = ({ peers }: LookupReply): number => {
        patience ??= Math.max(MIN_PATIENCE_MS, PATIENCE * (systemClock.now() - started))
        for (const { publicKey } of peers)
          if (found.size < MAX_FOUND) found.set(toHex(publicKey), new Uint8Array(publicKey))
        if (found.size >= MAX_FOUND) return 0
        return found.size > 0 ? patience : Number.POSITIVE_INFINITY
      }
      await run(
        () => dht.lookup(Buffer.from(topic), { concurrency: CONCURRENCY }),
        LOOKUP_MS,
        signal,
        collect,
      )
      return [...found.values()]
    },
  }
}

async function store(start: () => DhtQuery, signal: AbortSignal | undefined): Promise<void> {
  const { error, cut } = await run(start, ANNOUNCE_MS, signal, () => Number.POSITIVE_INFINITY)
  if (error !== undefined || cut)
    throw new UnreachableError('no node of the DHT answered', {}, { cause: error })
}

/** Runs a query to its end, `ms` at most; `onReply` returns how long to wait for the next reply, ms. Throws CancelledError. */
async function run(
  start: () => DhtQuery,
  ms: number,
  signal: AbortSignal | undefined,
  onReply: (reply: LookupReply) => number,
): Promise<{ error: Error | undefined; cut: boolean }> {
  throwIfCancelled(signal)
  const query = start()
  let error: Error | undefined
  let cut = false
  const stop = (): void => query.destroy()
  const cancelTimeout = systemClock.after(ms, () => {
    cut = true
    stop()
  })
  signal?.addEventListener('abort', stop, { once: true })
  const { promise, resolve } = Promise.withResolvers<void>()
  let cancelWait = (): void => {}
  query.on('data', (reply) => {
    const wait = onReply(reply)
    cancelWait()
    if (wait <= 0) stop()
    else if (wait < ms) cancelWait = systemClock.after(wait, stop)
  })
  query.on('error', (reason) => (error = reason))
  query.on('close', resolve)
  await promise
  cancelTimeout()
  cancelWait()
  signal?.removeEventListener('abort', stop)
  throwIfCancelled(signal)
  return { error, cut }
}

function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new CancelledError('a query of the DHT was cancelled')
}
