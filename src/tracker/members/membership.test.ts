import { afterEach, beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import { TestMember, TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { ConflictError, DeniedError, NotFoundError, UntrustedError } from '../../core/open/errors.ts'
import { inviteHash } from '../../core/open/objects/identity.ts'
import * as methods from '../../core/open/protocol/tracker-methods.ts'

let pool: TrackerPool
beforeEach(() => {
  pool = new TrackerPool()
})
afterEach(() => pool.close())

test('founding takes the secret, once, and the very same founding again changes nothing', async () => {
  const mallory = new TestMember(pool, 'mallory')
  pool.prepare(mallory)
  const attempt = async (secret: Uint8Array) =>
    mallory.call(methods.foundPool, {
      secret,
      genesis: pool.genesis,
      record: await mallory.record(),
      certificate: await mallory.certificate(),
    })
  await expect(attempt(seedOf('guess'))).rejects.toBeInstanceOf(DeniedError)
  const alice = await pool.found()
  await pool.found()
  expect((await alice.call(methods.describePool, {})).genesis).toEqual(pool.genesis)
  const { genesis } = pool
  pool.prepare(mallory)
  await expect(attempt(pool.foundingSecret)).rejects.toBeInstanceOf(ConflictError)
  pool.genesis = genesis
  expect(pool.store.read(({ log }) => log.size())).toBe(3)
})

test('nobody is founded under another log key or with other admins', async () => {
  const alice = new TestMember(pool, 'alice')
  pool.prepare(new TestMember(pool, 'bob'))
  const request = async () => ({
    secret: pool.foundingSecret,
    genesis: pool.genesis,
    record: await alice.record(),
    certificate: await alice.certificate(),
  })
  await expect(alice.call(methods.foundPool, await request())).rejects.toBeInstanceOf(UntrustedError)
})

test('a newcomer waits until a member admits him, and is nobody before', async () => {
  const alice = await pool.found()
  const bob = new TestMember(pool, 'bob')
  const secret = seedOf('invite')
  await bob.register(secret)
  await bob.register(secret)
  expect((await bob.call(methods.resolveMember, { id: bob.id })).member?.state).toBe(0)
  expect((await bob.call(methods.resolveMember, { name: 'bob' })).member).toBeUndefined()
  await expect(bob.call(methods.listSpaces, {})).rejects.toBeInstanceOf(DeniedError)
  const { pending } = await alice.call(methods.pendingMembers, {
    invites: [inviteHash(nodePrimitives, secret)],
  })
  expect(pending.map(({ mac }) => mac)).toEqual([
    new Uint8Array(nodePrimitives.hmacSha256(secret, (await bob.record())[0])),
  ])
  const admit = alice.admission(bob, await bob.record(), secret)
  await alice.call(methods.admitMember, { admit })
  await alice.call(methods.admitMember, { admit })
  expect((await alice.call(methods.resolveMember, { name: 'bob' })).member?.state).toBe(1)
  expect(await bob.call(methods.listSpaces, {})).toEqual({ spaces: [] })
})

test('an invite admits once, a name is given once, and only a member admits what he saw', async () => {
  const alice = await pool.found()
  const secret = seedOf('invite')
  const bob = new TestMember(pool, 'bob')
  const eve = new TestMember(pool, 'eve')
  await bob.register(secret)
  await eve.register(secret)
  await expect(
    bob.call(methods.admitMember, { admit: bob.admission(bob, await bob.record(), secret) }),
  ).rejects.toBeInstanceOf(DeniedError)
  const other = alice.admission(bob, await eve.record(), secret)
  await expect(alice.call(methods.admitMember, { admit: other })).rejects.toBeInstanceOf(UntrustedError)
  await alice.call(methods.admitMember, { admit: alice.admission(bob, await bob.record(), secret) })
  await expect(
    alice.call(methods.admitMember, { admit: alice.admission(eve, await eve.record(), secret) }),
  ).rejects.toBeInstanceOf(ConflictError)
  const twin = new TestMember(pool, 'twin')
  const record = await twin.record(pool.pool, 'bob')
  await expect(
    twin.call(methods.registerMember, {
      invite: inviteHash(nodePrimitives, seedOf('another')),
      mac: seedOf('mac'),
      record,
      certificate: await twin.certificate(),
    }),
  ).rejects.toBeInstanceOf(ConflictError)
})

test('attack 32: devices that are unknown, expired, or certified by somebody else cannot act', async () => {
  const alice = await pool.found()
  const second = new TestMember(pool, 'alice', 'phone')
  await expect(second.call(methods.deviceState, {})).rejects.toBeInstanceOf(DeniedError)
  const bob = await pool.join(alice, 'bob')
  const [body, , byDevice] = await second.certificate()
  const forged = nodePrimitives.ed25519Sign(bob.signSeed, body)
  await expect(
    second.call(methods.enrolDevice, { certificate: [body, forged, byDevice] }),
  ).rejects.toBeInstanceOf(UntrustedError)
  await expect(
    bob.call(methods.enrolDevice, { certificate: await second.certificate() }),
  ).rejects.toBeInstanceOf(DeniedError)
  const year = 365 * 24 * 3_600
  const now = Math.floor(pool.clock.now() / 1_000)
  await expect(
    second.call(methods.enrolDevice, { certificate: await second.certificate({ notAfter: now + 3 * year }) }),
  ).rejects.toBeInstanceOf(UntrustedError)
  await second.call(methods.enrolDevice, { certificate: await second.certificate() })
  expect((await second.call(methods.deviceState, {})).counter).toBe(0)
  pool.clock.advance((year + 1) * 1_000)
  await expect(second.call(methods.deviceState, {})).rejects.toBeInstanceOf(DeniedError)
  await second.call(methods.enrolDevice, { certificate: await second.certificate({ serial: 2 }) })
  expect((await second.call(methods.deviceState, {})).counter).toBe(0)
})

test('a net key belongs to the first device that has it', async () => {
  const alice = await pool.found()
  const bob = await pool.join(alice, 'bob')
  const second = new TestMember(pool, 'alice', 'phone')
  const certificate = await second.certificate({ net: bob.channel.peerKey })
  await expect(bob.call(methods.enrolDevice, { certificate })).rejects.toBeInstanceOf(ConflictError)
})

test('before the founding there is no pool to join', async () => {
  const bob = new TestMember(pool, 'bob')
  await expect(bob.register(seedOf('invite'))).rejects.toBeInstanceOf(NotFoundError)
  expect((await bob.call(methods.describePool, {})).genesis).toBeUndefined()
})

test('attack 33: a certificate with a small-order key, odd CBOR or a malleable signature is refused', async () => {
  await pool.found()
  const second = new TestMember(pool, 'alice', 'phone')
  const smallOrder = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))
  await expect(
    second.call(methods.enrolDevice, { certificate: await second.certificate({ enc: new Uint8Array(32) }) }),
  ).rejects.toBeInstanceOf(UntrustedError)
  await expect(
    second.call(methods.enrolDevice, { certificate: await second.certificate({ sign: smallOrder }) }),
  ).rejects.toBeInstanceOf(UntrustedError)
  const [body, byMember, byDevice] = await second.certificate()
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  let s = 0n
  for (let i = 31; i >= 0; i--) s = (s << 8n) | BigInt(byMember[32 + i]!)
  const malleable = Uint8Array.from(byMember)
  let large = s + order
  for (let i = 0; i < 32; i++) {
    malleable[32 + i] = Number(large & 255n)
    large >>= 8n
  }
  await expect(
    second.call(methods.enrolDevice, { certificate: [body, malleable, byDevice] }),
  ).rejects.toBeInstanceOf(UntrustedError)
})
