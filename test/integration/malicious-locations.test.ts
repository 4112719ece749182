/** A tracker that lies about where blobs and stripes are, and one that answers with bytes that are bent anywhere. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { check } from '../../src/client/operations/check.ts'
import { cat } from '../../src/client/operations/cat.ts'
import type { Client } from '../../src/client/client.ts'
import { createClient } from '../../src/client/client.ts'
import { put } from '../../src/client/operations/put.ts'
import { remove } from '../../src/client/operations/remove.ts'
import { toHex } from '../../src/core/open/bytes.ts'
import { AllmendError, UntrustedError } from '../../src/core/open/errors.ts'
import * as methods from '../../src/core/open/protocol/tracker-methods.ts'
import type { Meddler } from '../fixtures/meddling-transport.ts'
import { randomFrom, seededRandom } from '../fixtures/seeded-random.ts'
import type { MeddledPool } from '../fixtures/meddled-pool.ts'
import { startMeddledPool } from '../fixtures/meddled-pool.ts'

let pool: MeddledPool
let tracker: Meddler
let client: Client

beforeAll(async () => void (pool = await startMeddledPool()))
afterAll(() => pool.close())
beforeEach(async () => void ({ tracker, client } = await pool.open()))
afterEach(() => client.close())

const errorsOfGet = (source?: string) => pool.errorsOfGet(client, source)
const expectUntrusted = (source?: string) => pool.expectUntrusted(client, tracker, source)

describe('pages without end', () => {
  test('of stripes to check', async () => {
    tracker.on(methods.listStripes, async (request, ask) => {
      const answer = await ask({ ...request, cursor: undefined })
      return { ...answer, cursor: answer.stripes.at(-1)?.id ?? new Uint8Array(32) }
    })
    await expect(check(client)).rejects.toBeInstanceOf(UntrustedError)
    tracker.on(methods.listStripes, () => ({ stripes: [], tickets: [], cursor: new Uint8Array(32) }))
    await expect(check(client)).rejects.toBeInstanceOf(UntrustedError)
  })

  test('of blobs that are looked up bit by bit', async () => {
    tracker.on(methods.locateBlobs, async (_, ask) => ({ ...(await ask()), places: [], looked: 0 }))
    await expectUntrusted('/home/a')
    // One at a time is slow and right.
    tracker.on(methods.locateBlobs, async (request, ask) => ({
      ...(await ask({ ...request, blobs: request.blobs.slice(0, 1) })),
      looked: 1,
    }))
    expect(await errorsOfGet('/home/a')).toEqual([])
  })
})

type Located = Parameters<typeof methods.locateBlobs.response.encode>[0]
type Place = Located['places'][number]

describe('attack 6: blobs and stripes', () => {
  const bendPlaces = (bend: (place: Place, answer: Located) => Place) =>
    tracker.on(methods.locateBlobs, async (_, ask) => {
      const answer = await ask()
      return { ...answer, places: answer.places.map((place) => bend(place, answer)) }
    })

  test.each<[string, (place: Place, answer: Located) => Place]>([
    ['another offset', ([id, stripe, index, offset, length]) => [id, stripe, index, offset + 1, length]],
    ['an offset beyond the shard', ([id, stripe, index, , length]) => [id, stripe, index, 4_000_000, length]],
    ['another length', ([id, stripe, index, offset, length]) => [id, stripe, index, offset, length - 1]],
    [
      'a parity shard',
      ([id, stripe, , offset, length], { stripes }) => [
        id,
        stripe,
        stripes[stripe]!.stripe.k,
        offset,
        length,
      ],
    ],
    ['no stripe of the answer', ([id, , ...place], { stripes }) => [id, stripes.length, ...place]],
  ])('%s', async (_, bend) => {
    bendPlaces(bend)
    await expectUntrusted('/home/a')
  })

  test('no place at all', async () => {
    tracker.on(methods.locateBlobs, async (_, ask) => ({ ...(await ask()), places: [] }))
    await expectUntrusted('/home/a')
  })

  const bendStripes = (bend: (stripe: methods.StripeView) => methods.StripeView) => {
    tracker.on(methods.locateBlobs, async (_, ask) => {
      const answer = await ask()
      return { ...answer, stripes: answer.stripes.map(bend) }
    })
    tracker.on(methods.listStripes, async (_, ask) => {
      const answer = await ask()
      return { ...answer, stripes: answer.stripes.map(bend) }
    })
  }
  test.each<[string, (view: methods.StripeView) => methods.StripeView]>([
    [
      'fewer shards',
      (view) => ({ ...view, stripe: { ...view.stripe, shards: view.stripe.shards.slice(1) } }),
    ],
    ['another k', (view) => ({ ...view, stripe: { ...view.stripe, k: view.stripe.k + 1 } })],
    ['no shards', (view) => ({ ...view, stripe: { k: 0, n: 0, shards: [] } })],
    [
      'other lengths',
      (view) => ({
        ...view,
        stripe: { ...view.stripe, shards: view.stripe.shards.map(([id]) => [id, 4_000_000] as const) },
      }),
    ],
    [
      'holders of shards that are none',
      (view) => ({ ...view, holders: view.holders.map(([, provider, up]) => [63, provider, up] as const) }),
    ],
  ])('stripes with %s', async (_, bend) => {
    bendStripes(bend)
    await expectUntrusted('/home/a')
    await expect(check(client)).rejects.toBeInstanceOf(UntrustedError)
  })

  test('an upload whose shards are all placed on one provider', async () => {
    const seals: (readonly (readonly [number, Uint8Array])[])[] = []
    tracker.watch(methods.sealStripe, ({ stored }) => seals.push(stored))
    tracker.on(methods.placeStripe, async (_, ask) => {
      const answer = await ask()
      const [, provider] = answer.shards[0]!
      return { ...answer, shards: answer.shards.map(([index]) => [index, provider] as const) }
    })
    const file = path.join(await pool.scratch('crowded'), 'file')
    fs.writeFileSync(file, randomFrom(99).bytes(300_000))
    // Providers take only what their own tickets name, so the honest replacements bring it to its end.
    await put(client, { sources: [file], target: '/home/' })
    expect(seals).toHaveLength(1)
    for (const stored of seals)
      expect(new Set(stored.map(([, provider]) => toHex(provider))).size).toBe(stored.length)
    await remove(client, { path: '/home/file' })
  })
})

/** Clients of one device: providers take few connections from it. */
const AT_ONCE = 4

describe('answers with any bytes bent', () => {
  const { listSpaces, getNodes, listChildren, locateBlobs, resolveMember } = methods
  const asked = [listSpaces, getNodes, listChildren, locateBlobs, resolveMember]
  test.each(asked)(
    'fuzz $name: what comes out is right, else a typed error',
    async (method) => {
      const random = seededRandom()
      const rounds = Math.ceil(Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) / 100)
      tracker.onBytes(method, ({ head, body }) => {
        const inHead = head.length > 0
        const bytes = (inHead ? head : body).slice()
        const bent = random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes
        if (bent.length > 0) bent[random.below(bent.length)]! ^= 1 << random.below(8)
        return inHead ? { head: bent, body } : { head, body: bent }
      })
      const round = async (): Promise<void> => {
        const fresh = createClient({
          ...client,
          tracker: { address: client.tracker.address, peerId: client.tracker.peerId },
        })
        const parts: Uint8Array[] = []
        try {
          for await (const part of cat(fresh, { path: '/home/a/one' })) parts.push(part.slice())
          expect(Buffer.concat(parts).equals(pool.contents['one']!)).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(AllmendError)
        } finally {
          await fresh.providers.close()
          await fresh.tracker.close()
        }
      }
      // Who is told of providers that aren't there waits for them.
      for (let done = 0; done < rounds; done += AT_ONCE)
        await Promise.all(Array.from({ length: AT_ONCE }, round))
      expect(tracker.count).toBeGreaterThanOrEqual(rounds / 2)
    },
    120_000,
  )
})
