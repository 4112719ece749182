import { describe, expect, it } from 'vitest'
import { UsageError } from '../../core/open/errors.ts'
import { formatUdpAddress, parseUdpAddress } from './udp-address.ts'
import { readFileSync } from 'node:fs'

interface Vectors {
  readonly good: readonly {
    readonly address: string
    readonly key: string
    readonly hints: readonly string[]
  }[]
  readonly bad: readonly string[]
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/udp-address.json', import.meta.url), 'utf8'),
) as Vectors

describe('UDP addresses', () => {
  it('are those of the vectors', () => {
    for (const { address, key, hints } of vectors.good) {
      const parsed = parseUdpAddress(address)
      expect(Buffer.from(parsed.key).toString('hex')).toBe(key)
      expect(parsed.hints.map(({ host, port }) => `${host}:${port}`)).toEqual(hints)
      expect(formatUdpAddress(parsed.key, parsed.hints)).toBe(address)
    }
  })

  it('are refused in any other form', () => {
    for (const address of vectors.bad) expect(() => parseUdpAddress(address), address).toThrow(UsageError)
  })
})
