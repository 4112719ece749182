/**
 * Weights of past blocks: the newest state, and backwards what the contracts' events undo. Full nodes forget old states, and keep events.
 * Invariant: each event undone must have led to the weight that is there; where one doesn't, the node left events out.
 */
import type { Hex } from 'viem'
import { decodeEventLog, encodeEventTopics } from 'viem'
import { NotFoundError, UntrustedError } from '../../core/open/errors.ts'
import type { WeightedProviders } from '../../core/open/placement/placement.ts'
import { SLOTS_PER_DOMAIN } from '../../core/open/placement/weight-tree.ts'
import type { LedgerProviders } from '../../ports/ledger-providers.ts'
import type { ChainReader } from './chain-reader.ts'
import * as balancer from './generated/balancer.ts'
import * as registry from './generated/providers.ts'
import { RpcRefusal } from './json-rpc.ts'

/** Blocks asked for at once: many nodes refuse more than a few thousand. */
const SPAN = 2_000
/** Beyond so many requests somebody should ask for fewer blocks back. */
const MAX_SPANS = 1_000

interface Change {
  readonly block: number
  readonly slot: number
  /** Absent: the provider came in. */
  readonly weights: { readonly previous: number; readonly weight: number } | undefined
}

/**
 * Who could be drawn at blocks from the oldest one up to that of `now`. NotFoundError where the node has no events of these blocks,
 * UntrustedError where they don't lead to the state that it shows.
 */
export async function weightHistory(
  reader: ChainReader,
  addresses: { readonly balancer: Hex; readonly providers: Hex },
  now: LedgerProviders,
  oldest: number,
): Promise<(block: number) => WeightedProviders> {
  const changes = await changesSince(reader, addresses, now.block, oldest)
  return (block) => {
    if (block < oldest || block > now.block)
      throw new NotFoundError(`block ${block} was not asked for, or is not there yet`, { block })
    const slots = new Map(now.providers.map((provider) => [provider.slot, provider.weight]))
    for (const { slot, weights } of changes.filter((change) => change.block > block)) {
      if (slots.get(slot) !== (weights?.weight ?? 0))
        throw new UntrustedError('the node left out events, or its state is not what they led to', { slot })
      if (weights === undefined) slots.delete(slot)
      else slots.set(slot, weights.previous)
    }
    // Domains count in the order of their first providers.
    const domains = Math.max(0, ...[...slots.keys()].map((slot) => Math.floor(slot / SLOTS_PER_DOMAIN) + 1))
    return {
      providers: now.providers.flatMap(({ id, slot }) => {
        const weight = slots.get(slot)
        return weight === undefined ? [] : [{ id, slot, weight }]
      }),
      domains: now.domains.slice(0, domains),
    }
  }
}

/** Newest first. */
async function changesSince(
  reader: ChainReader,
  addresses: { readonly balancer: Hex; readonly providers: Hex },
  newest: number,
  oldest: number,
): Promise<Change[]> {
  if (newest - oldest > SPAN * MAX_SPANS)
    throw new NotFoundError('these blocks are too far back to be asked for one after the other', { oldest })
  const [moved] = encodeEventTopics({ abi: balancer.abi, eventName: 'WeightChanged' })
  const [admitted] = encodeEventTopics({ abi: registry.abi, eventName: 'Admitted' })
  const changes: (Change & { readonly place: number })[] = []
  for (let from = oldest + 1; from <= newest; from += SPAN) {
    const to = Math.min(newest, from + SPAN - 1)
    for (const log of await logsOf(reader, addresses.balancer, moved, from, to)) {
      const { args } = decodeEventLog({ abi: balancer.abi, eventName: 'WeightChanged', ...log })
      const { slot, previous, weight } = args
      changes.push({ block: log.block, place: log.place, slot, weights: { previous, weight } })
    }
    for (const log of await logsOf(reader, addresses.providers, admitted, from, to)) {
      const { args } = decodeEventLog({ abi: registry.abi, eventName: 'Admitted', ...log })
      changes.push({ block: log.block, place: log.place, slot: args.slot, weights: undefined })
    }
  }
  return changes.sort((a, b) => b.block - a.block || b.place - a.place)
}

async function logsOf(
  reader: ChainReader,
  address: Hex,
  topic: Hex,
  from: number,
  to: number,
): ReturnType<ChainReader['logs']> {
  try {
    return await reader.logs(address, topic, from, to)
  } catch (error) {
    if (!(error instanceof RpcRefusal)) throw error
    throw new NotFoundError(
      `the node gives no events of block ${from} any more`,
      { block: from },
      { cause: error },
    )
  }
}
