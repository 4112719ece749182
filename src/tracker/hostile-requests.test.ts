import { decode } from 'cborg'
import fc from 'fast-check'
import { nodePrimitives as p } from '../adapters/native/node-primitives.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seedOf } from '../../test/fixtures/provider-pool.ts'
import type {
  TestChannel,
  TestMember,
  TestSpace,
  TrackerPool,
} from '../../test/fixtures/tracker/tracker-pool.ts'
import { contents, create, idOf, testStripe, poolWithHome } from '../../test/fixtures/tracker/tracker-pool.ts'
import { AllmendError, InternalError } from '../core/open/errors.ts'
import { changeCodec } from '../core/open/objects/change.ts'
import type { Method } from '../core/open/protocol/method.ts'
import { mapChild, mapRecord } from '../core/open/log/map/map-key.ts'
import * as logMethods from '../core/open/protocol/log-methods.ts'
import * as methods from '../core/open/protocol/tracker-methods.ts'
import { encodeCbor } from '../core/open/schema.ts'

const RUNS = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
let channels: TestChannel[]
let genuine: { readonly id: number; readonly bytes: Uint8Array }[]

beforeAll(async () => {
  ;({ pool, alice, home } = await poolWithHome())
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
    // All of the log's but next-checkpoint, which may wait for a clock that stands here.
    request(logMethods.logHead, { from: 3, covers: 5 }),
    request(logMethods.logConsistency, { from: 3, to: 5 }),
    request(logMethods.logEntries, { from: 3, count: 9, changes: true }),
    request(logMethods.logInclusion, { index: 3, size: 5 }),
    request(logMethods.mapProof, {
      from: 3,
      covers: 9,
      points: [mapRecord(p, alice.id), seedOf('absent')],
      prefixes: [mapChild(p, space, home.root.id, idOf('file'))],
      entries: true,
    }),
    request(logMethods.cosignCheckpoint, { size: 5, signature: new Uint8Array(72) }),
    request(logMethods.listWitnesses, {}),
    request(logMethods.ledgerStatus, {}),
    request(logMethods.anchoredHeads, { from: 0, count: 3 }),
    request(logMethods.reportFork, { proof: new Uint8Array(64) }),
  ]
})
afterAll(() => pool.close())

/** Returns how it ended: `ok` or the error's code. */
async function answersOrRefuses(channel: TestChannel, id: number, bytes: Uint8Array): Promise<string> {
  try {
    await channel.raw(id, bytes)
    return 'ok'
  } catch (error) {
    expect(error).toBeInstanceOf(AllmendError)
    expect(error).not.toBeInstanceOf(InternalError)
    return (error as AllmendError).code
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
        // A copy: the slice of a Buffer would be a view, and change what later runs begin with.
        const changed = Uint8Array.from(cut === null ? bytes : bytes.subarray(0, cut % bytes.length))
        for (const [at, value] of edits) if (changed.length > 0) changed[at % changed.length] = value
        await answersOrRefuses(channels[who % channels.length]!, id, changed)
      },
    ),
    { numRuns: RUNS },
  )
}, 600_000)

/** The same structure with leaves changed within their type: most of these get past the form and reach the rules. */
function changeLeaves(wire: unknown, next: () => number, known: readonly Uint8Array[]): unknown {
  const roll = next()
  if (wire instanceof Uint8Array) {
    if (roll % 3 !== 0) return wire
    const alike = known.filter((bytes) => bytes.length === wire.length)
    if (roll % 2 === 0 && alike.length > 0) return alike[next() % alike.length]
    return wire.map((byte, i) => (i === roll % wire.length ? byte ^ 1 : byte))
  }
  if (typeof wire === 'number') return roll % 4 === 0 ? [0, 1, wire + 1, next() % 70][roll % 3] : wire
  if (Array.isArray(wire)) {
    const items = wire.map((item: unknown) => changeLeaves(item, next, known))
    if (roll % 7 === 0) items.pop()
    if (roll % 7 === 1 && items.length > 0) items.push(items[0])
    return items
  }
  if (wire instanceof Map)
    return new Map([...wire].map(([key, value]) => [key as unknown, changeLeaves(value, next, known)]))
  return typeof wire === 'boolean' && roll % 4 === 0 ? !wire : wire
}

test('fuzz: well-formed requests with other values are answered or refused with a type', async () => {
  const wires = genuine.map(({ id, bytes }) => ({ id, wire: decode(bytes, { useMaps: true }) as unknown }))
  const known: Uint8Array[] = []
  const collect = (wire: unknown): void => {
    if (wire instanceof Uint8Array) known.push(wire)
    else if (wire instanceof Map || Array.isArray(wire)) for (const item of wire.values()) collect(item)
  }
  for (const { wire } of wires) collect(wire)
  const outcomes = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(2), fc.infiniteStream(fc.nat()), async (which, who, stream) => {
      const { id, wire } = wires[which % wires.length]!
      const next = () => stream.next().value as number
      // Mostly the member, who gets furthest.
      const channel = channels[which % 4 === 0 ? who : 0]!
      const outcome = await answersOrRefuses(channel, id, encodeCbor(changeLeaves(wire, next, known)))
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }),
    { numRuns: RUNS },
  )
  // The values must reach the rules behind the form, or this tests the codec alone.
  expect(outcomes.get('malformed') ?? 0).toBeLessThan(RUNS / 2)
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
    fc.asyncProperty(fc.nat(), fc.nat(2), map, async (which, who, wire) => {
      const { id } = genuine[which % genuine.length]!
      await answersOrRefuses(channels[who]!, id, encodeCbor(wire))
    }),
    { numRuns: RUNS },
  )
}, 600_000)
