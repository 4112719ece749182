import { describe, expect, it } from 'vitest'
import { formatBytes, parseByteSize } from './byte-size.ts'

describe('sizes', () => {
  it.each([
    ['10GB', 10_000_000_000],
    ['100 gb', 100_000_000_000],
    ['1.5TiB', 1.5 * 2 ** 40],
    ['64MiB', 64 * 2 ** 20],
    ['4096', 4096],
    ['2k', 2000],
  ])('reads %s', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes)
  })

  it.each(['', '0', '-1GB', '1e9', 'GB', '10XB', '1.2.3GB', '99999999TB', '0.1B'])('refuses %j', (text) => {
    expect(() => parseByteSize(text)).toThrow(expect.objectContaining({ code: 'usage' }))
  })

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
