import type { AllmendError } from '../../core/open/errors.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import type { StripeView } from '../../core/open/protocol/tracker-methods.ts'
import type { Providers } from '../providers.ts'
import { ProvidersAwayError } from './patience.ts'

export interface TooFewParts {
  readonly view: StripeView
  readonly providers: Pick<Providers, 'isShunned' | 'nameOf'>
  /** Whether a shard is here. */
  readonly has: (index: number) => boolean
  /** Whether a provider proved to be without the right bytes of a shard. */
  readonly isWrong: (index: number, provider: Uint8Array) => boolean
  /** How many did. */
  readonly damaged: number
}

/** Why a stripe can't be read: exit 6 when bringing providers back would be enough, exit 7 when it would not. */
export function tooFewShards(parts: TooFewParts, cause: unknown): AllmendError {
  const { view, providers, has, isWrong, damaged } = parts
  const { k, n } = view.stripe
  const missing = Array.from({ length: n }, (_, index) => index).filter((index) => !has(index))
  const have = n - missing.length
  const away: Uint8Array[] = []
  let canReturn = 0
  for (const index of missing) {
    const back = view.holders
      .filter(([at]) => at === index)
      .filter(([, provider, up]) => !isWrong(index, provider) && (!up || providers.isShunned(provider)))
      .map(([, provider]) => provider)
    if (back.length > 0) canReturn++
    away.push(...back)
  }
  const names = [...new Set(away.map((provider) => providers.nameOf(provider)))].sort().join(', ')
  const facts = { have, needed: k, n, damaged }
  if (have + canReturn >= k)
    return new ProvidersAwayError(
      `${have} of the ${k} shards needed can be read; bringing back ${k - have} of these providers would be enough: ${names}`,
      { ...facts, providers: names },
      away,
      k - have,
      { cause },
    )
  return new UntrustedError(
    `${have} of the ${k} shards needed are whole, ${damaged} are damaged or missing at providers that are up, and ` +
      `${canReturn} are at providers that are away: this can't be rebuilt from what the pool has`,
    facts,
    { cause },
  )
}
