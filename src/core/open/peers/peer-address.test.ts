import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import vectors from '../../../../vectors/peer-address.json' with { type: 'json' }
import { toBase64Url } from '../bytes.ts'
import { UsageError } from '../errors.ts'
import {
  formatPeerAddress,
  hintsOfAddress,
  hostPortOfAddress,
  keyOfAddress,
  parsePeerAddress,
} from './peer-address.ts'

const key = new Uint8Array(32).fill(7)
const name = toBase64Url(key)

describe('parsePeerAddress', () => {
  it.each(vectors.good)('reads and writes $address', ({ address, tls, udp }) => {
    const parts = { ...(tls === null ? {} : { tls }), ...(udp === null ? {} : { udp }) }
    expect(parsePeerAddress(address)).toEqual(parts)
    expect(formatPeerAddress(parts)).toBe(address)
  })

  it.each([...vectors.bad, `${'a'.repeat(300)}:1`])('refuses %s', (address) => {
    expect(() => parsePeerAddress(address)).toThrow(UsageError)
  })

  it('knows key, hints and the first place', () => {
    const text = `a.example:4433+${name}`
    const both = parsePeerAddress(text)
    expect(keyOfAddress(both)).toEqual(key)
    expect(keyOfAddress({ tls: 'a:1' })).toBeUndefined()
    expect(hintsOfAddress(both)).toEqual(['a.example:4433'])
    expect(hintsOfAddress(parsePeerAddress(`a.example:1+${name}@`))).toEqual([])
    expect([text, `${name}@b:2,c:3`, name].map(hostPortOfAddress)).toEqual([
      'a.example:4433',
      'b:2',
      undefined,
    ])
  })

  it('says what was no address, but for the secret of a token', () => {
    expect(() => parsePeerAddress('foo#secret')).toThrow(
      /^(?!.*secret).*such as 192\.0\.2\.7:7400, and not "foo"$/,
    )
    expect(() => parsePeerAddress('f'.repeat(200))).toThrow(/"f{64}…"$/)
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
