/** Draws that follow from a number alone, for comparing implementations. */
import { nodePrimitives } from '../../native/node-primitives.ts'
import type { DrawRequest } from '../../../core/open/placement/balancer.ts'
import { SLOTS_PER_DOMAIN, WeightTree } from '../../../core/open/placement/weight-tree.ts'

type Next = (below: number) => number

export interface DrawCase {
  readonly domains: number
  /** [slot, weight], rising. */
  readonly weights: readonly (readonly [number, number])[]
  readonly request: DrawRequest
}

/** splitmix32. */
function random(seed: number): Next {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x9e37_79b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97)
    return Math.floor((((z ^ (z >>> 15)) >>> 0) / 2 ** 32) * below)
  }
}

/** Alike, nearly alike, by orders of magnitude, full ones in between. */
const WEIGHTS: readonly ((next: Next) => number)[] = [
  (next) => 1 + next(10),
  (next) => 100 + next(50),
  (next) => 2 ** next(20),
  (next) => next(2) * (1 + next(1_000)),
]

export function drawCase(seed: number): DrawCase {
  const next = random(seed)
  const domains = 1 + next([3, 12, 30, 80][next(4)]!)
  const weigh = WEIGHTS[next(WEIGHTS.length)]!
  const crowd = [1, 2, 12][next(3)]!
  const weights: [number, number][] = []
  for (let domain = 0; domain < domains; domain++)
    for (let place = 0, members = 1 + next(crowd); place < members; place++)
      weights.push([domain * SLOTS_PER_DOMAIN + place, weigh(next)])
  const request = {
    seed: nodePrimitives.sha256(new TextEncoder().encode(`case ${seed}`)),
    count: 1 + next([3, 6, 9, 14, 30][next(5)]!),
    maxPerDomain: 1 + next(4),
    skipped: next(2) === 0 ? [] : weights.map(([slot]) => slot).filter(() => next(6) === 0),
    held: next(2) === 0 ? [] : Array.from({ length: next(6) }, () => next(domains)),
  }
  return { domains, weights, request }
}

export function treeOfCase({ domains, weights }: Pick<DrawCase, 'domains' | 'weights'>): WeightTree {
  const tree = new WeightTree()
  tree.setDomains(domains)
  for (const [slot, weight] of weights) tree.set(slot, weight)
  return tree
}
