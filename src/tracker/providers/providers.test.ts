import { afterEach, beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type { TestMember } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { TestProviderNode, TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { ConflictError, DeniedError, MalformedError, UntrustedError } from '../../core/open/errors.ts'
import { inviteHash } from '../../core/open/objects/identity.ts'
import * as methods from '../../core/open/protocol/tracker-methods.ts'
import { toBase64Url } from '../../core/open/bytes.ts'
import { dialAddress } from './dial-address.ts'

let pool: TrackerPool
let alice: TestMember
beforeEach(async () => {
  pool = new TrackerPool()
  alice = await pool.found()
})
afterEach(() => pool.close())

const secret = seedOf('secret')
const invite = inviteHash(nodePrimitives, secret)
const register = (node: TestProviderNode, with_: Uint8Array | undefined, overrides = {}) =>
  node.channel.call(methods.registerProvider, { secret: with_, record: node.record(invite, overrides) })

test('an invite lets one provider in, for the inviting member, until it is over', async () => {
  const [first, second] = [new TestProviderNode(pool, 'first'), new TestProviderNode(pool, 'second')]
  await expect(register(first, secret)).rejects.toBeInstanceOf(DeniedError)
  const signed = pool.invite(alice, secret)
  await alice.call(methods.inviteProvider, { invite: signed })
  await alice.call(methods.inviteProvider, { invite: signed })
  await expect(register(first, undefined)).rejects.toBeInstanceOf(DeniedError)
  await expect(register(first, seedOf('guess'))).rejects.toBeInstanceOf(DeniedError)
  expect((await register(first, secret)).genesis).toEqual(pool.genesis)
  expect((await register(first, secret)).genesis).toEqual(pool.genesis)
  await expect(register(second, secret)).rejects.toBeInstanceOf(ConflictError)
  const { providers } = await alice.call(methods.listProviders, {})
  expect(providers.map(({ operator, up, address }) => ({ operator, up, address }))).toEqual([
    { operator: new Uint8Array(alice.id), up: false, address: '192.0.2.7:4001' },
  ])
  const late = seedOf('late')
  await alice.call(methods.inviteProvider, { invite: pool.invite(alice, late) })
  pool.clock.advance(3_601_000)
  const record = second.record(inviteHash(nodePrimitives, late))
  await expect(
    second.channel.call(methods.registerProvider, { secret: late, record }),
  ).rejects.toBeInstanceOf(DeniedError)
})

test('a provider renews its record with a higher seq only, and nobody else can', async () => {
  await alice.call(methods.inviteProvider, { invite: pool.invite(alice, secret) })
  const node = new TestProviderNode(pool, 'node')
  await register(node, secret)
  await register(node, undefined, { seq: 7, address: 'node.example:9' })
  await expect(register(node, undefined, { seq: 7, capacity: 5 })).rejects.toBeInstanceOf(ConflictError)
  await expect(register(node, undefined, { seq: 3 })).rejects.toBeInstanceOf(ConflictError)
  const thief = new TestProviderNode(pool, 'thief')
  await expect(
    thief.channel.call(methods.registerProvider, { record: node.record(invite, { seq: 9 }) }),
  ).rejects.toBeInstanceOf(UntrustedError)
  const { providers } = await alice.call(methods.listProviders, {})
  expect(providers.map(({ address, capacity }) => [address, capacity])).toEqual([['node.example:9', 1e9]])
})

test('only an admin names an operator key, and nobody another member', async () => {
  const bob = await pool.join(alice, 'bob')
  const attempt = (by: TestMember, operator: Uint8Array) =>
    by.call(methods.inviteProvider, { invite: pool.invite(by, secret, operator) })
  await expect(attempt(bob, seedOf('operator key'))).rejects.toBeInstanceOf(DeniedError)
  await expect(attempt(bob, alice.id)).rejects.toBeInstanceOf(DeniedError)
  await expect(attempt(alice, bob.id)).rejects.toBeInstanceOf(DeniedError)
  await expect(
    bob.call(methods.inviteProvider, { invite: pool.invite(alice, secret) }),
  ).rejects.toBeInstanceOf(UntrustedError)
  await attempt(alice, seedOf('operator key'))
})

test('a provider is up while its connection lives and its reports are young', async () => {
  const [node] = await pool.addProviders(alice, 1)
  const up = async () => (await alice.call(methods.listProviders, {})).providers[0]!.up
  expect(await up()).toBe(true)
  pool.clock.advance(2_999)
  expect(await up()).toBe(true)
  pool.clock.advance(1)
  expect(await up()).toBe(false)
  await node!.report()
  expect(await up()).toBe(true)
  const old = node!.channel
  await node!.die()
  expect(await up()).toBe(false)
  await node!.report()
  await old.hangUp()
  expect(await up()).toBe(true)
  pool.reopen()
  expect(await up()).toBe(false)
})

test('reports and lists are for providers and members', async () => {
  const stranger = new TestProviderNode(pool, 'stranger')
  await expect(stranger.report()).rejects.toBeInstanceOf(DeniedError)
  await expect(stranger.channel.call(methods.listProviders, {})).rejects.toBeInstanceOf(DeniedError)
  const [node] = await pool.addProviders(alice, 1)
  expect((await node!.channel.call(methods.listProviders, {})).providers.length).toBe(1)
})

test('a host that says nothing is replaced by where the caller came from', () => {
  const net = new Uint8Array(32).fill(1)
  const key = toBase64Url(net)
  const from = (claimed: string, remote = '10.0.0.1:99') => dialAddress(claimed, remote, net)
  for (const host of ['0.0.0.0', '[::]', '*']) expect(from(`${host}:7`)).toBe('10.0.0.1:7')
  expect(from('[::]:7', '[fe80::1]:99')).toBe('[fe80::1]:7')
  expect(from('a.example:7')).toBe('a.example:7')
  expect(from(`0.0.0.0:7+${key}`)).toBe(`10.0.0.1:7+${key}`)
  expect(from(`0.0.0.0:7+${key}@`)).toBe(`10.0.0.1:7+${key}@`)
  expect(from(`${key}@0.0.0.0:7,192.0.2.1:8`)).toBe(`${key}@10.0.0.1:7,192.0.2.1:8`)
  for (const bad of [
    '',
    'host',
    'host:',
    'host:0',
    'host:65536',
    'ho st:1',
    'host:1e3',
    `${key}@x`,
    `a:1+${key}@b:0`,
  ])
    expect(() => from(bad), bad).toThrow(MalformedError)
  const other = toBase64Url(new Uint8Array(32).fill(2))
  expect(() => from(`a:7+${other}`)).toThrow(/its own key/)
  expect(() => from(`${key}@${Array.from({ length: 9 }, () => 'a:1').join(',')}`)).toThrow(/too many/)
})
