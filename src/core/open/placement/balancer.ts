/**
 * The balancer's draw: which slots get a stripe's shards (docs/spec/contracts.md); the contract computes the same. Invariants:
 * - no slot twice, none without a weight, none that is skipped.
 * - a slot's chance is exactly proportional to its weight, up to certainty; a failure domain takes at most what it may, and
 *   as little more as there must be where the pool is too narrow.
 * - integers below 2^53 only: the same draw on every platform, and in the EVM.
 */
import { concatBytes } from '../bytes.ts'
import { NotEnoughProvidersError, UsageError } from '../errors.ts'
import type { Primitives } from '../primitives.ts'
import { SLOTS_PER_DOMAIN, type WeightTree } from './weight-tree.ts'

export const MAX_DRAW = 64
export const MAX_HELD = 64
export const MAX_SKIPPED = 1_024

export interface DrawRequest {
  /** 32 bytes. */
  readonly seed: Uint8Array
  /** 1 to 64. */
  readonly count: number
  /** Slots of one domain that may be taken where the pool is wide enough, 1 to 64. */
  readonly maxPerDomain: number
  /** Slots that can't be drawn now, at most 1,024, rising. */
  readonly skipped: readonly number[]
  /** Domains of slots that are taken already, one entry each, at most 64. */
  readonly held: readonly number[]
}

export interface DrawResult {
  /** In the order of the shards. */
  readonly slots: readonly number[]
  /** What a domain was allowed in the end. */
  readonly perDomain: number
}

const PURPOSE = { start: 0, order: 1, domainStart: 2, shuffle: 3 } as const

interface Weighted {
  readonly slot: number
  readonly weight: number
}

interface Closed {
  readonly domain: number
  readonly weight: number
  readonly count: number
}

type Sha256 = Pick<Primitives, 'sha256'>

/** Throws NotEnoughProvidersError when fewer slots than `count` can be drawn, UsageError for a request outside of its limits. */
export function drawSlots(primitives: Sha256, tree: WeightTree, request: DrawRequest): DrawResult {
  const draw = new Draw(primitives, tree, request)
  // Ends: with as many as are wanted and held, no domain is in the way, and enough slots have a weight.
  for (let perDomain = request.maxPerDomain; ; perDomain++) {
    const slots = draw.attempt(perDomain)
    if (slots !== undefined) return { slots, perDomain }
  }
}

function checkRequest(tree: WeightTree, request: DrawRequest): void {
  const { seed, count, maxPerDomain, skipped, held } = request
  const small = (n: number): boolean => Number.isSafeInteger(n) && n >= 1 && n <= MAX_DRAW
  if (seed.length !== 32 || !small(count) || !small(maxPerDomain))
    throw new UsageError('a draw has a seed of 32 bytes and counts from 1 to 64', { count, maxPerDomain })
  if (held.length > MAX_HELD || held.some((domain) => !(domain >= 0 && domain < tree.domains)))
    throw new UsageError('held names at most 64 known domains', { held: held.length })
  if (skipped.length > MAX_SKIPPED || skipped.some((slot, i) => i > 0 && slot <= skipped[i - 1]!))
    throw new UsageError('skipped slots rise, and are at most 1,024', { skipped: skipped.length })
}

const domainOf = (slot: number): number => Math.floor(slot / SLOTS_PER_DOMAIN)
const sum = (list: readonly { readonly weight: number }[]): number =>
  list.reduce((all, { weight }) => all + weight, 0)

class Draw {
  readonly #primitives: Sha256
  readonly #tree: WeightTree
  readonly #request: DrawRequest
  readonly #skipped: readonly Weighted[]
  readonly #total: number
  readonly #orders: readonly (readonly number[])[]
  #perDomain = 0
  #certain: Weighted[] = []
  #closed: Closed[] = []

  constructor(primitives: Sha256, tree: WeightTree, request: DrawRequest) {
    checkRequest(tree, request)
    this.#primitives = primitives
    this.#tree = tree
    this.#request = request
    this.#skipped = request.skipped
      .map((slot) => ({ slot, weight: tree.weight(slot) }))
      .filter(({ weight }) => weight > 0)
    this.#total = tree.total - sum(this.#skipped)
    const available = tree.drawable - this.#skipped.length
    if (available < request.count)
      throw new NotEnoughProvidersError(
        `${request.count} providers are needed at once, and ${available} can be drawn`,
        { needed: request.count, available },
      )
    this.#orders = Array.from({ length: tree.rootLevel + 1 }, (_, level) => this.#orderOf(level))
  }

  /** The draw, or undefined when the domains can't take as many. */
  attempt(perDomain: number): number[] | undefined {
    this.#perDomain = perDomain
    const hits = this.#settle()
    if (hits === undefined) return undefined
    const inside = this.#closed.flatMap((closed) => this.#drawInside(closed))
    return this.#shuffled([
      ...this.#certain.map(({ slot }) => slot),
      ...hits.map(({ slot }) => slot),
      ...inside,
    ])
  }

  /** Finds who is certain, which domains are closed, and gives the hits among the others. */
  #settle(): Weighted[] | undefined {
    this.#certain = []
    this.#closed = []
    for (const domain of this.#request.held)
      if (this.#allowance(domain) === 0 && !this.#isClosed(domain)) this.#close(domain)
    const start = this.#hash(PURPOSE.start, 0)
    for (;;) {
      const left =
        this.#request.count - this.#certain.length - this.#closed.reduce((all, { count }) => all + count, 0)
      const weight = this.#total - sum(this.#certain) - sum(this.#closed)
      if (this.#closeFull()) continue
      if (left === 0) return []
      if (weight === 0) return undefined
      const closed = this.#closed.map(({ domain, weight }) => ({ slot: domain * SLOTS_PER_DOMAIN, weight }))
      const outside = [...this.#skipped, ...this.#certain, ...closed]
      const hits = this.#sample(outside, this.#tree.rootLevel, 0, left, weight, start)
      const certain = certainOf(hits, left, weight)
      this.#certain.push(...certain)
      if (certain.length === 0 && !this.#closeOver(hits, left, weight)) return hits
    }
  }

  #drawInside({ domain, weight, count }: Closed): number[] {
    const start = this.#hash(PURPOSE.domainStart, domain)
    const certain: Weighted[] = []
    for (;;) {
      const left = count - certain.length
      if (left === 0) return certain.map(({ slot }) => slot)
      const rest = weight - sum(certain)
      const hits = this.#sample([...this.#skipped, ...certain], 1, domain, left, rest, start)
      const more = certainOf(hits, left, rest)
      if (more.length === 0) return [...certain, ...hits].map(({ slot }) => slot)
      certain.push(...more)
    }
  }

  /** `left` equally spaced points below a node. */
  #sample(
    outside: readonly Weighted[],
    level: number,
    index: number,
    left: number,
    weight: number,
    start: Uint8Array,
  ): Weighted[] {
    const first = remainder(start, weight)
    return Array.from({ length: left }, (_, i) =>
      this.#find(outside, level, index, Math.floor((first + i * weight) / left)),
    )
  }

  /** The slot at a place of the line below a node. */
  #find(outside: readonly Weighted[], fromLevel: number, fromIndex: number, fromPlace: number): Weighted {
    let index = fromIndex
    let place = fromPlace
    for (let level = fromLevel; ; level--) {
      const children = [...this.#tree.node(level, index)]
      for (const { slot, weight } of outside) {
        const at = Math.floor(slot / 8 ** level)
        if (Math.floor(at / 8) === index) children[at % 8]! -= weight
      }
      const order = this.#orders[level]!
      let i = 0
      while (place >= children[order[i]!]!) place -= children[order[i++]!]!
      index = index * 8 + order[i]!
      if (level === 0) return { slot: index, weight: children[order[i]!]! }
    }
  }

  /** Closes a domain whose certain ones are more than it may take, or as many with others left; whether there was one. */
  #closeFull(): boolean {
    const full = this.#certain.find(({ slot }) => {
      const { certain, rest } = this.#standing(domainOf(slot))
      const allowed = this.#allowance(domainOf(slot))
      return certain > allowed || (certain === allowed && rest > 0)
    })
    if (full !== undefined) this.#close(domainOf(full.slot))
    return full !== undefined
  }

  /**
   * Closes the domains of the hits that would get more than they may; whether there were any. Nobody outside of `certain` is
   * certain here, so such a domain has more slots than it may take.
   */
  #closeOver(hits: readonly Weighted[], left: number, weight: number): boolean {
    let any = false
    for (const { slot } of hits) {
      const domain = domainOf(slot)
      if (this.#isClosed(domain)) continue
      const { certain, rest } = this.#standing(domain)
      if (rest * left + certain * weight <= this.#allowance(domain) * weight) continue
      this.#close(domain)
      any = true
    }
    return any
  }

  /** How many of a domain are certain, and the weight of its others. */
  #standing(domain: number): { certain: number; rest: number } {
    const certain = this.#certain.filter(({ slot }) => domainOf(slot) === domain)
    return { certain: certain.length, rest: this.#domainWeight(domain) - sum(certain) }
  }

  /** From now on the domain takes exactly what it may, drawn among its own. */
  #close(domain: number): void {
    this.#certain = this.#certain.filter(({ slot }) => domainOf(slot) !== domain)
    this.#closed.push({ domain, weight: this.#domainWeight(domain), count: this.#allowance(domain) })
  }

  #isClosed(domain: number): boolean {
    return this.#closed.some((closed) => closed.domain === domain)
  }

  /** What a domain may still take. */
  #allowance(domain: number): number {
    return Math.max(0, this.#perDomain - this.#request.held.filter((held) => held === domain).length)
  }

  #domainWeight(domain: number): number {
    const all = this.#tree.node(2, Math.floor(domain / 8))[domain % 8]!
    return all - sum(this.#skipped.filter(({ slot }) => domainOf(slot) === domain))
  }

  /** A permutation of eight: Fisher-Yates with the bytes of a hash. */
  #orderOf(level: number): number[] {
    const random = this.#hash(PURPOSE.order, level)
    const order = [0, 1, 2, 3, 4, 5, 6, 7]
    for (let i = 7; i > 0; i--) swap(order, i, random[i]! % (i + 1))
    return order
  }

  /** So that which shard a slot holds doesn't depend on its weight. */
  #shuffled(slots: number[]): number[] {
    let random = new Uint8Array()
    for (let drawn = 0; drawn + 1 < slots.length; drawn++) {
      if (drawn % 16 === 0) random = Uint8Array.from(this.#hash(PURPOSE.shuffle, drawn / 16))
      const i = slots.length - 1 - drawn
      const two = random[2 * (drawn % 16)]! * 256 + random[2 * (drawn % 16) + 1]!
      swap(slots, i, two % (i + 1))
    }
    return slots
  }

  #hash(purpose: number, index: number): Uint8Array {
    const tail = new Uint8Array(5)
    tail[0] = purpose
    new DataView(tail.buffer).setUint32(1, index)
    return this.#primitives.sha256(concatBytes(this.#request.seed, tail))
  }
}

/** Hits whose chance is 1 or more. One that is hit twice is hit in a row. */
function certainOf(hits: readonly Weighted[], left: number, weight: number): Weighted[] {
  return hits.filter((hit, i) => hit.slot !== hits[i - 1]?.slot && hit.weight * left >= weight)
}

function swap(list: number[], i: number, j: number): void {
  const held = list[i]!
  list[i] = list[j]!
  list[j] = held
}

/** Of a big-endian number; the divisor is below 2^40. */
function remainder(bytes: Uint8Array, divisor: number): number {
  let rest = 0
  for (const byte of bytes) rest = (rest * 256 + byte) % divisor
  return rest
}
