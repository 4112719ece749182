import { describe, expect, it } from 'vitest'
import { parseByteSize } from './parse-byte-size.ts'

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
})
