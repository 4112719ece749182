/**
 * Weights by what providers report to the tracker, for a pool without a ledger, or as long as too few are in it. Invariant: slots,
 * weights and what is left out follow the contract's rules, from the same amounts; only nobody else can look them up.
 */
import { toHex } from '../../core/open/bytes.ts'
import { PlacementTree } from '../../core/open/placement/placement.ts'
import {
  FULL_SCORE,
  RAMP_BYTES,
  reportMoves,
  unitsOf,
  weightFor,
} from '../../core/open/placement/provider-weight.ts'
import { SLOTS_PER_DOMAIN } from '../../core/open/placement/weight-tree.ts'

export interface ReportedProvider {
  readonly id: Uint8Array
  /** The failure domain. */
  readonly operator: Uint8Array
  /** Bytes. */
  readonly capacity: number
  readonly used: number
}

interface Held {
  readonly id: Uint8Array
  readonly slot: number
  readonly capacity: number
  readonly used: number
  readonly proven: number
  readonly score: number
  readonly weight: number
}

const RAMP = unitsOf(RAMP_BYTES)

export class ReportedWeights {
  readonly #held = new Map<string, Held>()
  readonly #domains: Uint8Array[] = []
  readonly #members = new Map<string, { readonly index: number; count: number }>()
  #tree: PlacementTree | undefined

  /**
   * The tree with what all providers report now, in the order of their registration. `provenOf` gives units that a provider is known to
   * hold: asked only of who has more room than it is believed anyway.
   */
  tree(providers: readonly ReportedProvider[], provenOf: (id: Uint8Array) => number): PlacementTree {
    for (const provider of providers) this.#take(provider, provenOf)
    return (this.#tree ??= new PlacementTree({ providers: [...this.#held.values()], domains: this.#domains }))
  }

  #take({ id, operator, ...bytes }: ReportedProvider, provenOf: (id: Uint8Array) => number): void {
    const key = toHex(id)
    const capacity = unitsOf(bytes.capacity)
    const used = unitsOf(bytes.used)
    const proven = capacity - used > RAMP ? provenOf(id) : 0
    const known = this.#held.get(key)
    const slot = known?.slot ?? this.#slotIn(operator)
    if (slot === undefined) return
    const before = known ?? { capacity: 0, used: 0, score: FULL_SCORE, weight: 0 }
    if (known !== undefined && !reportMoves({ ...before, proven }, { capacity, used }, RAMP)) return
    const next = { id, slot, capacity, used, proven, score: FULL_SCORE }
    this.#held.set(key, { ...next, weight: weightFor(next, RAMP) })
    this.#tree = undefined
  }

  /** The next place in its domain; undefined where that is full. */
  #slotIn(domain: Uint8Array): number | undefined {
    const key = toHex(domain)
    let members = this.#members.get(key)
    if (members === undefined) {
      members = { index: this.#domains.push(domain) - 1, count: 0 }
      this.#members.set(key, members)
    }
    if (members.count === SLOTS_PER_DOMAIN) return undefined
    return members.index * SLOTS_PER_DOMAIN + members.count++
  }
}
