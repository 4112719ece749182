import { toHex } from '../../core/open/bytes.ts'
import { CancelledError } from '../../core/open/errors.ts'
import type { StripeFinder } from '../../ports/stripe-finder.ts'

/** Knows who holds what; `providers` are all that are admitted, `holders` some of them by stripe id in hexadecimal. */
export function memoryStripeFinder(
  providers: readonly Uint8Array[],
  holders: ReadonlyMap<string, readonly Uint8Array[]> = new Map(),
): StripeFinder {
  const disappointing = new Set<string>()
  return {
    async *find(stripe, signal) {
      const isHolder = new Set((holders.get(toHex(stripe)) ?? []).map(toHex))
      const rank = (id: Uint8Array) => (disappointing.has(toHex(id)) ? 2 : isHolder.has(toHex(id)) ? 0 : 1)
      for (const id of providers.toSorted((a, b) => rank(a) - rank(b))) {
        if (signal?.aborted === true) throw new CancelledError('a search was cancelled')
        yield id
      }
    },
    judge(provider, held) {
      if (held) disappointing.delete(toHex(provider))
      else disappointing.add(toHex(provider))
    },
  }
}
