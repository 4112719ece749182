import type { Scheme } from './stripe.ts'

/** Schemes by the least number of providers that they are taken at, widest first. */
const SCHEMES: readonly (readonly [providers: number, scheme: Scheme])[] = [
  [14, { k: 10, n: 14 }],
  [9, { k: 6, n: 9 }],
  [6, { k: 4, n: 6 }],
  [5, { k: 3, n: 5 }],
  [4, { k: 2, n: 4 }],
  [3, { k: 1, n: 3 }],
]

/** The scheme for this many providers that are up; undefined below three. */
export function schemeFor(upProviders: number): Scheme | undefined {
  return SCHEMES.find(([providers]) => upProviders >= providers)?.[1]
}
