import { describe, expect, it } from 'vitest'
import { formatBytes } from './byte-size.ts'

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [1_536_000, '1.54 MB'],
    [999_950_000, '1.00 GB'],
    [12_345_678_901, '12.3 GB'],
    [5e15, '5000 TB'],
  ])('writes %i as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })
})
