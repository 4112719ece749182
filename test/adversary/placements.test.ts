/** A tracker that places stripes elsewhere than the ledger's draw puts them, or tells another draw than it did. */
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { exitCodeOf } from '../../src/apps/cli/exit-codes.ts'
import type { Client } from '../../src/client/client.ts'
import type { PlacementChain, PlacementCheck } from '../../src/client/log/ledger/check-placements.ts'
import { checkPlacements } from '../../src/client/log/ledger/check-placements.ts'
import { evidenceCodec } from '../../src/client/log/log-evidence.ts'
import { put } from '../../src/client/operations/put.ts'
import { equalBytes } from '../../src/core/open/bytes.ts'
import { NotFoundError } from '../../src/core/open/errors.ts'
import type { PlacementDraw } from '../../src/core/open/placement/placement.ts'
import { SKIPPED, placementDrawCodec } from '../../src/core/open/placement/placement.ts'
import { unitsOf } from '../../src/core/open/placement/provider-weight.ts'
import { listStripes, stripeDraws } from '../../src/core/open/protocol/tracker-methods.ts'
import { SLOTS_PER_DOMAIN } from '../../src/core/open/placement/weight-tree.ts'
import { Meddler, meddlingTransport } from '../fixtures/meddling-transport.ts'
import { seedOf } from '../fixtures/provider-pool.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

const CAPACITY = 10e9
const BLOCK = 41
const HASH = seedOf('block 41')

let pool: TestPool
let client: Client
let tracker: Meddler
/** The chain's weights: what the providers have reported, each in a domain of its own, by which the tracker really drew. */
let chain: PlacementChain

beforeAll(async () => {
  pool = await startTestPool({ providers: 8, capacity: CAPACITY })
  const file = path.join(await pool.scratch('files'), 'a')
  await fs.writeFile(file, new Uint8Array(300_000).fill(7))
  await put(pool.alice, { sources: [file], target: '/home/' })
  const providers = pool.providers.map(({ id }, i) => ({
    id,
    slot: i * SLOTS_PER_DOMAIN,
    weight: unitsOf(CAPACITY),
  }))
  const weights = { providers, domains: providers.map((_, i) => seedOf(`domain ${i}`)) }
  chain = {
    blockHash: async (number) => (number === BLOCK ? HASH : undefined),
    weightHistory: async () => () => weights,
  }
})
afterAll(() => pool.close())

beforeEach(async () => {
  tracker = new Meddler()
  client = await pool.client({
    wrap: (transport) => meddlingTransport(transport, pool.tracker.peerId, tracker),
  })
  tell((draw) => draw)
})

/** The tracker says that it drew at the chain's block, and what `bend` makes of the draw. */
function tell(bend: (draw: PlacementDraw) => PlacementDraw): void {
  tracker.on(stripeDraws, async (_request, ask) => {
    const { draws } = await ask()
    return {
      draws: draws.map((list) =>
        list.map((bytes) => {
          const draw = { ...placementDrawCodec.decode(bytes), block: [BLOCK, HASH] as const }
          return placementDrawCodec.encode(bend(draw))
        }),
      ),
    }
  })
}

async function caught(why: RegExp, on = chain): Promise<PlacementCheck> {
  const found = await checkPlacements(client, on, 10)
  expect(found.placements[0]).toMatchObject({ state: 'wrong', why: expect.stringMatching(why) })
  expect(exitCodeOf(found.fault)).toBe(7)
  const evidence = path.join(pool.access.home, 'pins', 'evidence')
  const files = await fs.readdir(evidence)
  const kept = await Promise.all(
    files.map(async (name) => evidenceCodec.decode(await fs.readFile(path.join(evidence, name)))),
  )
  expect(kept.some(({ reason, answer }) => why.test(reason) && answer?.[0] === stripeDraws.id)).toBe(true)
  return found
}

test('an honest tracker’s placements are recomputed', async () => {
  const found = await checkPlacements(client, chain, 10)
  expect(found).toMatchObject({ stripes: 1, chainAsked: true, fault: undefined })
  expect(found.placements).toMatchObject([{ state: 'drawn', block: BLOCK, replaced: 0 }])
})

test('providers that the weights don’t give', async () => {
  tell((draw) => ({ ...draw, skipped: [[draw.chosen[0]!, SKIPPED.down]] }))
  await caught(/give other providers/)
  let holder: Uint8Array | undefined
  tell((draw) => {
    holder = draw.chosen[0]
    return draw
  })
  const weights = await chain.weightHistory(BLOCK)
  // Who holds a shard lent nothing; other weights than these can give the same draw by chance.
  const withoutHolder = (block: number) => {
    const { providers, domains } = weights(block)
    return {
      domains,
      providers: providers.map((one) => ({
        ...one,
        weight: holder !== undefined && equalBytes(one.id, holder) ? 0 : one.weight,
      })),
    }
  }
  await caught(/give other providers/, { ...chain, weightHistory: async () => withoutHolder })
})

test('a draw that can’t have been done', async () => {
  const all = pool.providers.map(({ id }) => [id, SKIPPED.full] as const)
  tell((draw) => ({ ...draw, skipped: all }))
  await caught(/are needed at once/)
})

test('a block that the chain doesn’t have', async () => {
  tell((draw) => ({ ...draw, block: [BLOCK, seedOf('another')] }))
  await caught(/another than the recorded one/)
})

test('a holder that nobody drew', async () => {
  tracker.on(listStripes, async (_request, ask) => {
    const answer = await ask()
    return {
      ...answer,
      stripes: answer.stripes.map((view) => {
        const held = new Set(view.holders.map(([, id]) => id.join()))
        const stray = pool.providers.find(({ id }) => !held.has(id.join()))!.id
        const [[index], ...rest] = view.holders as [(typeof view.holders)[0], ...typeof view.holders]
        return { ...view, holders: [[index, stray, true] as const, ...rest] }
      }),
    }
  })
  await caught(/held by a provider that was not drawn/)
})

test('a draw for other shards than the stripe has', async () => {
  tell((draw) => ({ ...draw, indices: draw.indices.toReversed() }))
  await caught(/neither for all shards/)
})

test('what can’t be recomputed is told apart, and accuses nobody', async () => {
  const states = async (on: PlacementChain | undefined) => {
    const { placements, fault } = await checkPlacements(client, on, 10)
    expect(fault).toBeUndefined()
    return placements.map(({ state }) => state)
  }
  expect(await states(undefined)).toEqual(['unchecked'])
  expect(await states({ ...chain, blockHash: async () => undefined })).toEqual(['unchecked'])
  const forgetful = () => Promise.reject(new NotFoundError('the node has no events of that block'))
  expect(await states({ ...chain, weightHistory: forgetful })).toEqual(['unchecked'])
  tell((draw) => ({ ...draw, block: undefined }))
  expect(await states(chain)).toEqual(['by-reports'])
  tracker.on(stripeDraws, async (_request, ask) => ({ draws: (await ask()).draws.map(() => []) }))
  expect(await states(chain)).toEqual(['unrecorded'])
})
