import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seedOf } from '../../test/fixtures/provider-pool.ts'
import type { TestChannel, TestMember, TestSpace } from '../../test/fixtures/tracker-pool.ts'
import { TrackerPool, contents, create, idOf, testStripe } from '../../test/fixtures/tracker-pool.ts'
import { AllmendError, InternalError } from '../core/open/errors.ts'
import { changeCodec } from '../core/open/objects/change.ts'
import type { Method } from '../core/open/protocol/method.ts'
import * as methods from '../core/open/protocol/tracker-methods.ts'
import { encodeCbor } from '../core/open/schema.ts'

const RUNS = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
let channels: TestChannel[]
let genuine: { readonly id: number; readonly bytes: Uint8Array }[]

beforeAll(async () => {
  pool = new TrackerPool()
  alice = await pool.found()
  home = await alice.createSpace('home')
  const [provider] = await pool.addProviders(alice, 4)
  const made = testStripe('s', 2, 4)
  const placed = await pool.storeStripe(alice, home, made)
  await alice.commit(home.id, [create('file', home.root, contents([made.blobs[0]![0]]))])
  channels = [alice.channel, provider!.channel, pool.channel(seedOf('nobody'))]
  const request = <Request, Response>(method: Method<Request, Response>, value: Request) => ({
    id: method.id,
    bytes: method.request.encode(value),
  })
  const changes = [changeCodec.encode(create('new', home.root))]
  const blobs = made.blobs.map(([blob]) => blob)
  const { space } = { space: home.id }
  genuine = [
    request(methods.describePool, {}),
    request(methods.resolveMember, { id: alice.id }),
    request(methods.pendingMembers, { invites: [seedOf('invite')] }),
    request(methods.enrolDevice, { certificate: await alice.certificate() }),
    request(methods.registerMember, {
      invite: seedOf('invite'),
      mac: seedOf('mac'),
      record: await alice.record(),
      certificate: await alice.certificate(),
    }),
    request(methods.admitMember, { admit: alice.admission(alice, await alice.record(), seedOf('invite')) }),
    request(methods.inviteProvider, { invite: pool.invite(alice, seedOf('x')) }),
    request(methods.registerProvider, { secret: seedOf('x'), record: provider!.record(seedOf('x')) }),
    request(methods.reportProvider, {
      capacity: 1,
      used: 0,
      shards: 0,
      damaged: [[seedOf('d'), 1]],
      freed: [],
    }),
    request(methods.listProviders, {}),
    request(methods.getNodes, { space, nodes: [idOf('file'), home.root.id] }),
    request(methods.listChildren, { space, node: home.root.id, cursor: new Uint8Array(8) }),
    request(methods.commitOperation, { operation: alice.sign(space, changes), changes }),
    request(methods.putLists, { space, lists: [new Uint8Array(64)] }),
    request(methods.hasBlobs, { space, blobs }),
    request(methods.placeStripe, { space, stripe: made.stripe }),
    request(methods.replaceShard, { stripe: made.id, index: 1, failed: [placed.shards[1]![1]] }),
    request(methods.sealStripe, { stripe: made.id, stored: placed.shards, blobs: made.blobs }),
    request(methods.locateBlobs, { space, blobs }),
    request(methods.listStripes, { space, cursor: made.id }),
    request(methods.reportDamage, {
      damaged: [{ provider: provider!.id, shard: seedOf('d'), found: 1, what: 1 }],
    }),
  ]
})
afterAll(() => pool.close())

async function answersOrRefuses(channel: TestChannel, id: number, bytes: Uint8Array): Promise<void> {
  try {
    await channel.raw(id, bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(AllmendError)
    expect(error).not.toBeInstanceOf(InternalError)
  }
}

test('fuzz: changed requests are answered or refused with a type, by anybody, on every route', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.nat(),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      fc.option(fc.nat()),
      async (which, who, edits, cut) => {
        const { id, bytes } = genuine[which % genuine.length]!
        const changed = cut === null ? Uint8Array.from(bytes) : bytes.slice(0, cut % bytes.length)
        for (const [at, value] of edits) if (changed.length > 0) changed[at % changed.length] = value
        await answersOrRefuses(channels[who % channels.length]!, id, changed)
      },
    ),
    { numRuns: RUNS },
  )
}, 600_000)

test('fuzz: any structure is answered or refused with a type', async () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.nat(),
      fc.boolean(),
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(new Uint8Array(16), new Uint8Array(32), new Uint8Array(64)),
      fc.string({ maxLength: 5 }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(5), tie('value')), { maxLength: 5 }).map((pairs) => new Map(pairs)),
    ),
  }))
  const map = fc.array(fc.tuple(fc.nat(5), value), { maxLength: 5 }).map((pairs) => new Map(pairs))
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 51 }), fc.nat(2), map, async (id, who, wire) => {
      await answersOrRefuses(channels[who]!, id, encodeCbor(wire))
    }),
    { numRuns: RUNS },
  )
}, 600_000)
