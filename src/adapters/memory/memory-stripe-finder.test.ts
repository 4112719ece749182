import { toHex } from '../../core/open/bytes.ts'
import { stripeFinderConformance } from '../../ports/stripe-finder.conformance.ts'
import { memoryStripeFinder } from './memory-stripe-finder.ts'

stripeFinderConformance('a finder in memory', () => {
  const providers = Array.from({ length: 10 }, (_, i) => new Uint8Array(32).fill(i + 1))
  const holders = new Map<string, Uint8Array[]>()
  return {
    finder: memoryStripeFinder(providers, holders),
    providers,
    async hold(provider, stripe) {
      holders.set(toHex(stripe), [...(holders.get(toHex(stripe)) ?? []), provider])
    },
  }
})
