import { expect, test } from 'vitest'
import { schemeFor } from './scheme.ts'
import { happyThreshold } from './stripe.ts'

test('the scheme fits the providers that are up', () => {
  const widths = Array.from({ length: 16 }, (_, up) => {
    const scheme = schemeFor(up)
    return scheme === undefined ? '-' : `${scheme.k}+${scheme.n - scheme.k}`
  })
  expect(widths.join(' ')).toBe('- - - 1+2 2+2 3+2 4+2 4+2 4+2 6+3 6+3 6+3 6+3 6+3 10+4 10+4')
})

test('every scheme needs no more providers than there are, and survives a loss below its happy threshold', () => {
  for (let up = 3; up < 40; up++) {
    const scheme = schemeFor(up)!
    expect(scheme.n).toBeLessThanOrEqual(up)
    expect(happyThreshold(scheme)).toBeGreaterThan(scheme.k)
  }
})
