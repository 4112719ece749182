import { encodeAbiParameters, encodeEventTopics } from 'viem'
import { expect, test } from 'vitest'
import { NotFoundError, UntrustedError } from '../../core/open/errors.ts'
import { FULL_SCORE } from '../../core/open/placement/provider-weight.ts'
import type { LedgerProviders } from '../../ports/ledger-providers.ts'
import { ChainReader } from './chain-reader.ts'
import * as balancer from './generated/balancer.ts'
import * as registry from './generated/providers.ts'
import { RpcRefusal, isObject } from './json-rpc.ts'
import { hexOf } from './typed-data.ts'
import { weightHistory } from './weight-history.ts'

const BALANCER = `0x${'ba'.repeat(20)}` as const
const REGISTRY = `0x${'ee'.repeat(20)}` as const
const id = (i: number) => new Uint8Array(32).fill(i + 1)
const hex = (value: number) => `0x${value.toString(16)}`

interface Log {
  readonly block: number
  readonly slot: number
  readonly weights?: readonly [previous: number, weight: number]
}

/** Two providers in two domains at block 5,000: weights 70 and 9. */
const now: LedgerProviders = {
  unit: 1,
  ramp: 1_000,
  block: 5_000,
  domains: [id(8), id(9)],
  providers: [
    [0, 70],
    [64, 9],
  ].map(([slot, weight], i) => ({
    id: id(i),
    slot: slot!,
    weight: weight!,
    endpointKey: id(i),
    operator: id(8 + i),
    domain: id(8 + i),
    reporter: new Uint8Array(20),
    capacity: 100,
    used: 0,
    proven: 0,
    score: FULL_SCORE,
    seq: 1,
    retired: false,
  })),
}
const logs: Log[] = [
  { block: 10, slot: 0 },
  { block: 12, slot: 0, weights: [0, 100] },
  { block: 2_500, slot: 64 },
  { block: 2_500, slot: 64, weights: [0, 9] },
  { block: 4_999, slot: 0, weights: [100, 80] },
  { block: 4_999, slot: 0, weights: [80, 70] },
]

/** A node with these events; how many times it was asked. */
function nodeWith(events: readonly Log[], refuse?: RpcRefusal) {
  const spans: number[] = []
  const reader = new ChainReader({
    async request(_method, [filter]) {
      if (refuse !== undefined) throw refuse
      if (!isObject(filter)) throw new Error('no filter')
      const [from, to] = [Number(filter['fromBlock']), Number(filter['toBlock'])]
      spans.push(to - from + 1)
      const isWeights = filter['address'] === BALANCER
      return events
        .map((log, place) => ({ ...log, place }))
        .filter(({ block, weights }) => (weights !== undefined) === isWeights && block >= from && block <= to)
        .map(({ block, slot, weights, place }) => ({
          address: filter['address'],
          blockNumber: hex(block),
          logIndex: hex(place),
          ...(weights === undefined
            ? {
                topics: encodeEventTopics({
                  abi: registry.abi,
                  eventName: 'Admitted',
                  args: { id: hexOf(id(0)), operator: hexOf(id(8)), domain: hexOf(id(8)) },
                }),
                data: encodeAbiParameters(
                  [{ type: 'uint32' }, { type: 'bytes32' }, { type: 'address' }],
                  [slot, hexOf(id(0)), REGISTRY],
                ),
              }
            : {
                topics: encodeEventTopics({ abi: balancer.abi, eventName: 'WeightChanged', args: { slot } }),
                data: encodeAbiParameters([{ type: 'uint32' }, { type: 'uint32' }], [...weights]),
              }),
        }))
    },
  })
  return { reader, spans }
}
const addresses = { balancer: BALANCER, providers: REGISTRY }
const weightsAt = async (events: readonly Log[], block: number, oldest = 0) => {
  const { providers, domains } = (await weightHistory(nodeWith(events).reader, addresses, now, oldest))(block)
  return [providers.map(({ slot, weight }) => [slot, weight]), domains.length]
}

test('weights, providers and domains are those that were there, back to before all of them', async () => {
  const [first, second] = [
    [0, 70],
    [64, 9],
  ]
  expect(await weightsAt(logs, 5_000)).toEqual([[first, second], 2])
  expect(await weightsAt(logs, 4_998)).toEqual([[[0, 100], second], 2])
  expect(await weightsAt(logs, 2_499)).toEqual([[[0, 100]], 1])
  expect(await weightsAt(logs, 11)).toEqual([[[0, 0]], 1])
  expect(await weightsAt(logs, 9)).toEqual([[], 0])
})

test('a node is asked for so many blocks at once as nodes answer', async () => {
  const { reader, spans } = nodeWith(logs)
  await weightHistory(reader, addresses, now, 100)
  expect(spans).toEqual([2_000, 2_000, 2_000, 2_000, 900, 900])
})

test('events that were left out, and blocks that nobody asked for', async () => {
  const without = (i: number) => logs.filter((_, at) => at !== i)
  await expect(weightsAt(without(4), 11)).rejects.toThrow(UntrustedError)
  await expect(weightsAt(without(5), 4_998)).rejects.toThrow(UntrustedError)
  await expect(weightsAt(without(3), 2_499)).rejects.toThrow(UntrustedError)
  await expect(weightsAt(logs, 4_000, 4_500)).rejects.toThrow(NotFoundError)
  await expect(weightsAt(logs, 5_001)).rejects.toThrow(NotFoundError)
})

test('a node that has forgotten says so', async () => {
  const { reader } = nodeWith([], new RpcRefusal(4_444, 'pruned history unavailable', undefined))
  await expect(weightHistory(reader, addresses, now, 1)).rejects.toThrow(NotFoundError)
})
