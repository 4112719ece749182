/**
 * Which providers hold a stripe: the balancer's draw, recorded so that anybody can repeat it (docs/spec/placement.md). Invariants:
 * - the seed is the stripe's id and how often it was drawn for: whoever draws chooses neither.
 * - what is left out of a draw is named in its record, with why.
 */
import { drawSlots } from './balancer.ts'
import { concatBytes, equalBytes, toHex } from '../bytes.ts'
import { MalformedError } from '../errors.ts'
import { taggedHash } from '../hash.ts'
import { id } from '../objects/suite.ts'
import type { Primitives } from '../primitives.ts'
import type { ValueOf } from '../schema.ts'
import { array, codec, oneOf, optional, struct, tuple, uint } from '../schema.ts'
import type { Scheme } from '../stripes/stripe.ts'
import { MAX_STRIPE_SHARDS, maxShardsPerDomain } from '../stripes/stripe.ts'
import { MAX_WEIGHT, WeightTree } from './weight-tree.ts'

/** Providers that a draw may skip: all of a pool. */
const MAX_SKIPPED = 1_024

/** Why a provider wasn't to be drawn. */
export const SKIPPED = {
  /** It hadn't reported for some seconds. */
  down: 0,
  /** No room for the largest of the shards. */
  full: 1,
  /** It failed the writer, has another shard of the stripe, or is to free one of these. */
  excluded: 2,
} as const

/** A provider with its place in the tree of weights, as the ledger has it. */
export interface WeightedProvider {
  readonly id: Uint8Array
  /** Domain index * 64 + place in the domain. */
  readonly slot: number
  readonly weight: number
}

/** Who can be drawn at one moment, and by what weight. */
export interface WeightedProviders {
  readonly providers: readonly WeightedProvider[]
  /** Failure domains by index. */
  readonly domains: readonly Uint8Array[]
}

/** Providers in their tree, found by id and by slot. */
export class PlacementTree {
  readonly weights = new WeightTree()
  readonly #slots = new Map<string, number>()
  readonly #ids = new Map<number, Uint8Array>()
  readonly #domains: ReadonlyMap<string, number>

  constructor({ providers, domains }: WeightedProviders) {
    this.weights.setDomains(domains.length)
    this.#domains = new Map(domains.map((domain, index) => [toHex(domain), index]))
    for (const { id, slot, weight } of providers) {
      this.weights.set(slot, weight)
      this.#slots.set(toHex(id), slot)
      this.#ids.set(slot, id)
    }
  }

  slotOf(provider: Uint8Array): number | undefined {
    return this.#slots.get(toHex(provider))
  }

  /** Throws MalformedError for a slot that nobody has. */
  idAt(slot: number): Uint8Array {
    const id = this.#ids.get(slot)
    if (id === undefined) throw new MalformedError('a slot without a provider has a weight', { slot })
    return id
  }

  /** Undefined for a domain without providers here. */
  domainOf(domain: Uint8Array): number | undefined {
    return this.#domains.get(toHex(domain))
  }

  /** Providers that have a weight. */
  drawable(): Uint8Array[] {
    return [...this.#ids].filter(([slot]) => this.weights.weight(slot) > 0).map(([, id]) => id)
  }
}

/** A draw as it was done: with the stripe and the weights at its block, all that repeating it takes. */
export const placementDrawField = struct({
  /** How often this stripe was drawn for before. */
  attempt: [0, uint(MAX_WEIGHT)],
  /** The shards that were placed, in the order of `chosen`. */
  indices: [1, array(uint(MAX_STRIPE_SHARDS - 1), MAX_STRIPE_SHARDS)],
  /** Number and hash of the block whose weights were drawn from; absent: weights by the providers' reports to the tracker. */
  block: [2, optional(tuple(uint(), id))],
  /** Shards that a domain was allowed in the end. */
  perDomain: [3, uint(MAX_STRIPE_SHARDS)],
  /** Providers with a weight that were not to be drawn, and why. */
  skipped: [4, array(tuple(id, oneOf([0, 1, 2])), MAX_SKIPPED)],
  /** Failure domains of the stripe's other shards, one entry a shard. */
  held: [5, array(id, MAX_STRIPE_SHARDS)],
  chosen: [6, array(id, MAX_STRIPE_SHARDS)],
})
export type PlacementDraw = ValueOf<typeof placementDrawField>
/** All providers of the largest pool skipped, and the widest stripe. */
export const MAX_PLACEMENT_DRAW_BYTES = 48 * 1024
export const placementDrawCodec = codec('placement draw', placementDrawField, MAX_PLACEMENT_DRAW_BYTES)

export interface PlacementRequest extends Pick<PlacementDraw, 'attempt' | 'indices' | 'skipped' | 'held'> {
  /** Stripe id. */
  readonly stripe: Uint8Array
  readonly scheme: Scheme
}

type Sha256 = Pick<Primitives, 'sha256'>

function uint32(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value)
  return out
}

/** Whom these weights give the shards to; throws NotEnoughProvidersError when too few can be drawn. */
export function drawPlacement(
  primitives: Sha256,
  tree: PlacementTree,
  { stripe, scheme, attempt, indices, skipped, held }: PlacementRequest,
): Pick<PlacementDraw, 'chosen' | 'perDomain'> {
  const slots = skipped.flatMap(([provider]) => tree.slotOf(provider) ?? [])
  const { slots: chosen, perDomain } = drawSlots(primitives, tree.weights, {
    seed: taggedHash(primitives, 'placement', concatBytes(stripe, uint32(attempt))),
    count: indices.length,
    maxPerDomain: maxShardsPerDomain(scheme),
    skipped: [...new Set(slots)].sort((a, b) => a - b),
    held: held.flatMap((domain) => tree.domainOf(domain) ?? []),
  })
  return { chosen: chosen.map((slot) => tree.idAt(slot)), perDomain }
}

/** Whether a recorded draw is what these weights give. Throws what drawing throws. */
export function isDrawn(
  primitives: Sha256,
  tree: PlacementTree,
  stripe: Pick<PlacementRequest, 'stripe' | 'scheme'>,
  draw: PlacementDraw,
): boolean {
  const { chosen, perDomain } = drawPlacement(primitives, tree, { ...draw, ...stripe })
  return perDomain === draw.perDomain && equalBytes(concatBytes(...chosen), concatBytes(...draw.chosen))
}

/** A failure domain holds more shards of the stripe than its scheme wants: the pool is too narrow. */
export function isNarrow(scheme: Scheme, { perDomain }: Pick<PlacementDraw, 'perDomain'>): boolean {
  return perDomain > maxShardsPerDomain(scheme)
}
