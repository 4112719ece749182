import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex } from '../../core/open/bytes.ts'
import { UsageError } from '../../core/open/errors.ts'
import { createReportSigner } from './report-signer.ts'
import { addressOf, hexOf, reportSignature } from './typed-data.ts'

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const bytes = (text: string, length = 32) =>
  new Uint8Array(createHash('shake256', { outputLength: length }).update(text).digest())
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })

test('a report’s signature is the reporter’s, in the form that the contract takes, and of one domain', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string(),
      uint32,
      uint32,
      uint32,
      fc.maxSafeNat(),
      async (label, capacity, used, seq, chainId) => {
        const key = bytes(`key ${label}`)
        const domain = { chainId, contract: bytes(`contract ${label}`, 20) }
        const signer = createReportSigner(domain)
        const reporter = signer.addressOf(key)
        expect(hexOf(reporter)).toBe(hexOf(addressOf(key)))
        const body = { id: bytes(`id ${label}`), capacity, used, seq }
        const report = { ...body, signature: await signer.signReport(key, body) }
        expect(await reportSignature(domain, report, reporter)).toHaveLength(65)
        const other = { ...domain, chainId: chainId === 0 ? 1 : chainId - 1 }
        expect(await reportSignature(other, report, reporter)).toBeUndefined()
        const changed = { ...report, used: (used + 1) % 2 ** 32 }
        expect(await reportSignature(domain, changed, reporter)).toBeUndefined()
      },
    ),
    { numRuns: 150 },
  )
})

test('either half of the curve becomes the one that the contract takes', async () => {
  const key = bytes('key')
  const domain = { chainId: 7, contract: bytes('contract', 20) }
  const body = { id: bytes('id'), capacity: 1, used: 0, seq: 1 }
  const signer = createReportSigner(domain)
  const signature = await signer.signReport(key, body)
  const s = (ORDER - BigInt(hexOf(signature.slice(32)))).toString(16).padStart(64, '0')
  const flipped = Uint8Array.from([...signature.slice(0, 32), ...fromHex(s)!])
  const whole = await reportSignature(domain, { ...body, signature }, signer.addressOf(key))
  expect(whole).toHaveLength(65)
  expect(BigInt(hexOf(whole!.slice(32, 64))) <= ORDER / 2n).toBe(true)
  expect(await reportSignature(domain, { ...body, signature: flipped }, signer.addressOf(key))).toEqual(whole)
  const s0 = Uint8Array.from([...signature.slice(0, 32), ...new Uint8Array(32)])
  expect(await reportSignature(domain, { ...body, signature: s0 }, signer.addressOf(key))).toBeUndefined()
})

test('what is no key is refused', () => {
  const { addressOf: address } = createReportSigner({ chainId: 1, contract: new Uint8Array(20) })
  for (const key of [new Uint8Array(32), new Uint8Array(32).fill(255), new Uint8Array(31).fill(1)])
    expect(() => address(key)).toThrow(UsageError)
})
