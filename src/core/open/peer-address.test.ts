import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toBase64Url } from './bytes.ts'
import { AllmendError } from './errors.ts'
import { formatPeerAddress, hintsOfAddress, keyOfAddress, parsePeerAddress } from './peer-address.ts'

const key = new Uint8Array(32).fill(7)
const name = toBase64Url(key)

describe('parsePeerAddress', () => {
  it.each([
    ['192.0.2.1:4433', { tls: '192.0.2.1:4433' }],
    ['[2001:db8::1]:4433', { tls: '[2001:db8::1]:4433' }],
    [name, { udp: name }],
    [`${name}@192.0.2.1:1,b.example:2`, { udp: `${name}@192.0.2.1:1,b.example:2` }],
    [`a.example:4433+${name}`, { tls: 'a.example:4433', udp: `${name}@a.example:4433` }],
    [`a.example:4433+${name}@`, { tls: 'a.example:4433', udp: name }],
    [`a.example:4433+${name}@192.0.2.1:9`, { tls: 'a.example:4433', udp: `${name}@192.0.2.1:9` }],
    [`[2001:db8::1]:4433+${name}`, { tls: '[2001:db8::1]:4433', udp: name }],
  ])('reads and writes %s', (text, parts) => {
    expect(parsePeerAddress(text)).toEqual(parts)
    expect(formatPeerAddress(parts)).toBe(text)
  })

  it('knows key and hints', () => {
    const both = parsePeerAddress(`a.example:4433+${name}`)
    expect(keyOfAddress(both)).toEqual(key)
    expect(hintsOfAddress(both)).toEqual(['a.example:4433'])
    expect(hintsOfAddress(parsePeerAddress(`a.example:1+${name}@`))).toEqual([])
    expect(keyOfAddress({ tls: 'a:1' })).toBeUndefined()
  })

  it.each([
    '',
    'a.example',
    ':1',
    'a:b:1',
    `+${name}`,
    `a:1+${name.slice(1)}`,
    `${name}x@a:1`,
    `a:1+${name}+${name}`,
    `${'a'.repeat(300)}:1`,
  ])('refuses %s', (text) => {
    expect(() => parsePeerAddress(text)).toThrow(AllmendError)
  })

  it('takes any text or says what is wrong (fuzz)', () => {
    const parts = fc.constantFrom('a.example', ':', '1', '+', '@', ',', name, '[::1]', '0.0.0.0:1', ' ', 'é')
    const text = fc.array(parts, { maxLength: 8 }).map((some) => some.join(''))
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'binary', maxLength: 400 })), (address) => {
        try {
          const parsed = parsePeerAddress(address)
          expect(parsePeerAddress(formatPeerAddress(parsed))).toEqual(parsed)
        } catch (error) {
          expect(error).toMatchObject({ code: 'usage' })
        }
      }),
      { numRuns: Number(process.env.ALLMEND_FUZZ_RUNS ?? 10_000) },
    )
  })
})
