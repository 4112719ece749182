import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex } from '../../core/open/bytes.ts'
import { UsageError } from '../../core/open/errors.ts'
import { createReportSigner } from './report-signer.ts'
import { addressOf, hexOf, isReportSigned } from './typed-data.ts'

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
        expect(await isReportSigned(domain, report, reporter)).toBe(true)
        const other = { ...domain, chainId: chainId === 0 ? 1 : chainId - 1 }
        expect(await isReportSigned(other, report, reporter)).toBe(false)
        expect(await isReportSigned(domain, { ...report, used: (used + 1) % 2 ** 32 }, reporter)).toBe(false)
      },
    ),
    { numRuns: 150 },
  )
})

test('the other half of the curve, which the contract refuses, is no signature', async () => {
  const key = bytes('key')
  const domain = { chainId: 7, contract: bytes('contract', 20) }
  const body = { id: bytes('id'), capacity: 1, used: 0, seq: 1 }
  const signer = createReportSigner(domain)
  const signature = await signer.signReport(key, body)
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const s = (order - BigInt(hexOf(signature.slice(32, 64)))).toString(16).padStart(64, '0')
  const flipped = Uint8Array.from([...signature.slice(0, 32), ...fromHex(s)!, signature[64] === 27 ? 28 : 27])
  expect(await isReportSigned(domain, { ...body, signature }, signer.addressOf(key))).toBe(true)
  expect(await isReportSigned(domain, { ...body, signature: flipped }, signer.addressOf(key))).toBe(false)
})

test('what is no key is refused', () => {
  const { addressOf: address } = createReportSigner({ chainId: 1, contract: new Uint8Array(20) })
  for (const key of [new Uint8Array(32), new Uint8Array(32).fill(255), new Uint8Array(31).fill(1)])
    expect(() => address(key)).toThrow(UsageError)
})
