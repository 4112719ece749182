/**
 * The tree of weights that the balancer contract keeps (docs/spec/contracts.md), for whoever recomputes its draws. Invariants:
 * a slot is domain * 64 + place; a node has eight children; level 0 holds weights, each other level the sums of the one below;
 * no child's value exceeds 32 bits, so all sums are exact.
 */
import { CapacityError, UsageError } from '../errors.ts'

/** Providers of one failure domain. */
export const SLOTS_PER_DOMAIN = 64
export const MAX_DOMAINS = 4_096
export const MAX_WEIGHT = 2 ** 32 - 1
const SLOTS = SLOTS_PER_DOMAIN * MAX_DOMAINS
const CHILDREN = 8
/** With the root of eight domains. */
const FIRST_ROOT = 2

const EMPTY: readonly number[] = Array.from({ length: CHILDREN }, () => 0)

export class WeightTree {
  readonly #levels: Map<number, number[]>[] = []
  #root = FIRST_ROOT
  #domains = 0
  #drawable = 0

  /** Level of the root: 2 for up to 8 domains, 5 for 4,096. */
  get rootLevel(): number {
    return this.#root
  }

  get domains(): number {
    return this.#domains
  }

  /** Slots with a weight. */
  get drawable(): number {
    return this.#drawable
  }

  get total(): number {
    return this.node(this.#root, 0).reduce((sum, child) => sum + child, 0)
  }

  /** Eight values. */
  node(level: number, index: number): readonly number[] {
    return this.#levels[level]?.get(index) ?? EMPTY
  }

  weight(slot: number): number {
    return this.node(0, Math.floor(slot / CHILDREN))[slot % CHILDREN]!
  }

  /** The domains' number, which only grows; CapacityError beyond 4,096 or when the new root's child exceeds 32 bits. */
  setDomains(domains: number): void {
    if (!Number.isSafeInteger(domains) || domains < this.#domains)
      throw new UsageError('the number of domains grows only', { domains })
    if (domains > MAX_DOMAINS)
      throw new CapacityError('a pool has 4,096 failure domains at most', { domains })
    while (domains > CHILDREN ** (this.#root - 1)) {
      const sum = this.total
      if (sum > MAX_WEIGHT) throw new CapacityError('the weights exceed 32 bits', { sum })
      this.#root++
      this.#change(this.#root, 0)[0] = sum
    }
    this.#domains = domains
  }

  /** CapacityError when a sum would exceed 32 bits; nothing is changed then. */
  set(slot: number, weight: number): void {
    if (!Number.isSafeInteger(slot) || slot < 0 || slot >= Math.min(SLOTS, this.#domains * SLOTS_PER_DOMAIN))
      throw new UsageError('no such slot', { slot })
    if (!Number.isSafeInteger(weight) || weight < 0 || weight > MAX_WEIGHT)
      throw new UsageError('a weight has 32 bits', { weight })
    const by = weight - this.weight(slot)
    for (let level = 0, at = slot; level <= this.#root; level++, at = Math.floor(at / CHILDREN))
      if (this.node(level, Math.floor(at / CHILDREN))[at % CHILDREN]! + by > MAX_WEIGHT)
        throw new CapacityError('the weights exceed 32 bits', { slot, weight })
    this.#drawable += Number(weight > 0) - Number(weight - by > 0)
    for (let level = 0, at = slot; level <= this.#root; level++, at = Math.floor(at / CHILDREN))
      this.#change(level, Math.floor(at / CHILDREN))[at % CHILDREN]! += by
  }

  #change(level: number, index: number): number[] {
    const nodes = (this.#levels[level] ??= new Map())
    const node = nodes.get(index) ?? [...EMPTY]
    nodes.set(index, node)
    return node
  }
}
