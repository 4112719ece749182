import { afterEach, beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type { TestMember } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { toBase64Url, toHex } from '../../core/open/bytes.ts'
import { DeniedError, MalformedError } from '../../core/open/errors.ts'
import { peerId } from '../../core/open/hash.ts'
import type { NetworkSelf } from '../../core/open/protocol/network-methods.ts'
import {
  NAT_OPEN,
  NAT_UNKNOWN,
  NODE_OTHER,
  NODE_PROVIDER,
  NODE_TRACKER,
  exchangeNetwork,
} from '../../core/open/protocol/network-methods.ts'

let pool: TrackerPool
let alice: TestMember
beforeEach(async () => {
  pool = new TrackerPool()
  alice = await pool.found()
})
afterEach(() => pool.close())

const relay = seedOf('relay')
const selfOf = (key: Uint8Array, changes: Partial<NetworkSelf> = {}): NetworkSelf => ({
  address: `0.0.0.0:7+${toBase64Url(key)}`,
  nat: NAT_OPEN,
  ...changes,
})

test('nodes tell how they are reached, and everybody of the pool learns it', async () => {
  pool.networkSelf = { address: 'tracker.example:1', nat: NAT_OPEN, relay: seedOf('tracker relay') }
  const [node] = await pool.addProviders(alice, 1)
  const before = await alice.call(exchangeNetwork, {})
  expect(before.keys).toBeUndefined()
  expect(before.peers?.map(({ role, nat, relay }) => ({ role, nat, relay }))).toEqual([
    { role: NODE_TRACKER, nat: NAT_OPEN, relay: seedOf('tracker relay') },
    { role: NODE_PROVIDER, nat: NAT_UNKNOWN, relay: undefined },
  ])
  expect(await alice.call(exchangeNetwork, { known: before.version })).toEqual({ version: before.version })

  await node!.channel.call(exchangeNetwork, { self: selfOf(node!.net, { relay }) })
  const after = await alice.call(exchangeNetwork, { known: before.version })
  expect(after.peers?.[1]).toMatchObject({ nat: NAT_OPEN, relay })
  pool.clock.advance(200_000)
  expect((await alice.call(exchangeNetwork, {})).peers?.[1]).toMatchObject({ nat: NAT_UNKNOWN })
})

test('a relay learns whom to serve, and nobody else does', async () => {
  const [node] = await pool.addProviders(alice, 1)
  const { keys } = await node!.channel.call(exchangeNetwork, { self: selfOf(node!.net, { relay }) })
  const names = keys?.map((key) => toHex(key))
  expect(names).toContain(toHex(node!.net))
  expect(names).toContain(toHex(alice.channel.peerKey))
  expect(names).toContain(toHex(seedOf('tracker net')))
  expect((await node!.channel.call(exchangeNetwork, { self: selfOf(node!.net) })).keys).toBeUndefined()
  const asked = await alice.call(exchangeNetwork, { self: selfOf(alice.channel.peerKey, { relay }) })
  expect(asked.keys).toBeUndefined()
})

test('strangers are denied, and nodes that stand alone are those of the configuration', async () => {
  const key = nodePrimitives.ed25519Public(seedOf('alone'))
  const channel = pool.channel(key)
  await expect(channel.call(exchangeNetwork, { self: selfOf(key, { relay }) })).rejects.toBeInstanceOf(
    DeniedError,
  )
  pool.networkNodes.push(key)
  await channel.call(exchangeNetwork, { self: selfOf(key, { relay }) })
  const { peers } = await alice.call(exchangeNetwork, {})
  expect(peers).toMatchObject([{ id: peerId(nodePrimitives, key), role: NODE_OTHER, nat: NAT_OPEN, relay }])
  const other = selfOf(alice.channel.peerKey)
  await expect(channel.call(exchangeNetwork, { self: other })).rejects.toBeInstanceOf(MalformedError)
})
