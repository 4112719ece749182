/**
 * Which providers hold a stripe: a draw without replacement, weighted by free bytes, that anybody can recompute from the
 * stripe id and the candidates (docs/spec/placement.md). Invariants:
 * - no provider holds two shards of a stripe; none without room for the largest shard is drawn.
 * - each provider's chance is exactly proportional to its free bytes, up to certainty (systematic sampling; drawing one
 *   after the other would favour the small ones, and fills would drift apart).
 * - an operator holds at most `maxShardsPerDomain` shards, or where that can't be, as few as can be: `narrow`.
 * - integers only: the same draw on every platform.
 */
import { compareBytes, concatBytes, toHex } from './bytes.ts'
import { CapacityError, NotEnoughProvidersError } from './errors.ts'
import { taggedHash } from './hash.ts'
import type { Primitives } from './primitives.ts'
import type { Scheme } from './stripe.ts'
import { maxShardsPerDomain } from './stripe.ts'

export interface Candidate {
  readonly provider: Uint8Array
  /** The failure domain. */
  readonly operator: Uint8Array
  /** Bytes that it could still take, what others have reserved not counted. */
  readonly free: number
}

export interface PlacementRequest {
  readonly stripe: Uint8Array
  readonly scheme: Scheme
  /** Shards to place now: n for a new stripe, 1 for a replacement. */
  readonly count: number
  /** Bytes of the largest of them. */
  readonly shardBytes: number
  /** How often this stripe was drawn for before: a fresh draw each time. */
  readonly attempt: number
  /** Providers that are up and may be drawn. */
  readonly candidates: readonly Candidate[]
  /** Operators of the stripe's other shards, one entry a shard. */
  readonly held: readonly Uint8Array[]
}

export interface PlacementChoice {
  /** Provider ids in the order of the shards. */
  readonly providers: readonly Uint8Array[]
  /** An operator holds more shards of the stripe than the scheme wants. */
  readonly narrow: boolean
}

/** A certain draw, in fixed point. */
const ONE = 1n << 32n

function uint32(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value)
  return out
}

interface Domain {
  readonly key: Uint8Array
  readonly members: readonly Candidate[]
  readonly held: number
}

/** Draws providers; throws NotEnoughProvidersError, or CapacityError when room is what lacks. */
export function choosePlacement(
  primitives: Pick<Primitives, 'sha256'>,
  request: PlacementRequest,
): PlacementChoice {
  const { count, shardBytes, candidates } = request
  if (candidates.length < count)
    throw new NotEnoughProvidersError(
      `${count} providers are needed at once, and ${candidates.length} can be had`,
      { needed: count, available: candidates.length },
    )
  const roomy = candidates.filter(({ free }) => free >= Math.max(1, shardBytes))
  if (roomy.length < count)
    throw new CapacityError(
      `${count} providers with room for ${shardBytes} bytes are needed, and ${roomy.length} have it`,
      { needed: count, withRoom: roomy.length, shardBytes },
    )
  const seed = taggedHash(primitives, 'placement', concatBytes(request.stripe, uint32(request.attempt)))
  const ordered = inDrawnOrder(primitives, seed, domainsOf(roomy, request.held))
  const wanted = maxShardsPerDomain(request.scheme)
  let cap = wanted
  while (ordered.reduce((sum, domain) => sum + slots(domain, cap), 0) < count) cap++
  const chances = chancesOf(ordered, cap, count)
  let at = BigInt(new DataView(seed.buffer, seed.byteOffset).getUint32(0))
  let upTo = 0n
  const providers: Uint8Array[] = []
  for (const { members } of ordered)
    for (const { provider } of members) {
      upTo += chances.get(toHex(provider)) ?? 0n
      if (upTo <= at) continue
      providers.push(provider)
      at += ONE
    }
  return { providers, narrow: cap > wanted }
}

function domainsOf(candidates: readonly Candidate[], held: readonly Uint8Array[]): Domain[] {
  const heldBy = new Map<string, number>()
  for (const operator of held) heldBy.set(toHex(operator), (heldBy.get(toHex(operator)) ?? 0) + 1)
  const members = new Map<string, Candidate[]>()
  for (const candidate of candidates) {
    const key = toHex(candidate.operator)
    const list = members.get(key)
    if (list === undefined) members.set(key, [candidate])
    else list.push(candidate)
  }
  return [...members].map(([key, list]) => ({
    key: list[0]!.operator,
    members: list,
    held: heldBy.get(key) ?? 0,
  }))
}

/** Operators, and the providers of each, by the hash of the seed and their id: an operator's providers stay together. */
function inDrawnOrder(primitives: Pick<Primitives, 'sha256'>, seed: Uint8Array, domains: Domain[]): Domain[] {
  const sorted = <T>(items: readonly T[], idOf: (item: T) => Uint8Array): T[] =>
    items
      .map((item) => ({ item, rank: primitives.sha256(concatBytes(seed, idOf(item))) }))
      .sort((a, b) => compareBytes(a.rank, b.rank))
      .map(({ item }) => item)
  return sorted(domains, ({ key }) => key).map((domain) => ({
    ...domain,
    members: sorted(domain.members, ({ provider }) => provider),
  }))
}

/** Shards that this operator may still take. */
function slots(domain: Domain, cap: number): number {
  return Math.max(0, Math.min(domain.members.length, cap - domain.held))
}

/** Each provider's chance of being drawn: in sum `count`, at most 1 each, at most its slots an operator. */
function chancesOf(domains: readonly Domain[], cap: number, count: number): Map<string, bigint> {
  const chances = new Map<string, bigint>()
  let open = domains.filter((domain) => slots(domain, cap) > 0)
  let left = BigInt(count) * ONE
  for (;;) {
    const shares = fill(
      open.flatMap(({ members }) => members),
      left,
    )
    const over = open.filter(
      (domain) =>
        domain.members.reduce((sum, { provider }) => sum + shares.get(toHex(provider))!, 0n) >
        BigInt(slots(domain, cap)) * ONE,
    )
    if (over.length === 0) {
      for (const [provider, share] of shares) chances.set(provider, share)
      return chances
    }
    for (const domain of over) {
      const most = BigInt(slots(domain, cap)) * ONE
      for (const [provider, share] of fill(domain.members, most)) chances.set(provider, share)
      left -= most
    }
    open = open.filter((domain) => !over.includes(domain))
  }
}

/** Spreads `total` by free bytes with at most ONE each; what rounding leaves goes to the first that can take it. */
function fill(candidates: readonly Candidate[], total: bigint): Map<string, bigint> {
  const shares = new Map<string, bigint>()
  let open = candidates
  let left = total
  for (;;) {
    const weight = open.reduce((sum, { free }) => sum + BigInt(free), 0n)
    const certain = open.filter(({ free }) => BigInt(free) * left >= weight * ONE)
    if (certain.length === 0) {
      for (const { provider, free } of open) shares.set(toHex(provider), (BigInt(free) * left) / weight)
      break
    }
    for (const { provider } of certain) shares.set(toHex(provider), ONE)
    left -= BigInt(certain.length) * ONE
    open = open.filter((candidate) => !certain.includes(candidate))
    if (open.length === 0) break
  }
  let rest = total - [...shares.values()].reduce((sum, share) => sum + share, 0n)
  for (const { provider } of candidates) {
    const key = toHex(provider)
    const share = shares.get(key)!
    const more = rest < ONE - share ? rest : ONE - share
    shares.set(key, share + more)
    rest -= more
  }
  return shares
}
