import * as crypto from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import './reflect-metadata.ts'
import { X509CertificateGenerator } from '@peculiar/x509'
import { UsageError } from '../../core/open/errors.ts'
import { makeNetCertificate, netKeyOf } from './net-certificate.ts'

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

async function byLibrary(seed: Uint8Array): Promise<Buffer> {
  const usage = { name: 'Ed25519' }
  const { subtle } = crypto.webcrypto
  const der = Buffer.concat([PKCS8_PREFIX, seed])
  const key = crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = crypto.createPublicKey(key).export({ format: 'der', type: 'spki' })
  const keys = {
    privateKey: await subtle.importKey('pkcs8', der, usage, false, ['sign']),
    publicKey: await subtle.importKey('spki', spki, usage, true, ['verify']),
  }
  const certificate = await X509CertificateGenerator.createSelfSigned({
    keys,
    name: 'CN=allmend',
    serialNumber: '01',
    notBefore: new Date('2020-01-01T00:00:00Z'),
    notAfter: new Date('2120-01-01T00:00:00Z'),
    signingAlgorithm: usage,
  })
  return Buffer.from(certificate.rawData)
}

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

it('is what the X.509 library makes for any key, verifies under it, and gives it back', async () => {
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const { cert, publicKey } = makeNetCertificate(seed)
      const parsed = new crypto.X509Certificate(cert)
      expect(parsed.raw.equals(await byLibrary(seed))).toBe(true)
      expect(parsed.verify(parsed.publicKey)).toBe(true)
      expect(netKeyOf(parsed)).toEqual(publicKey)
    }),
    { numRuns: 50 },
  )
})

it('refuses a seed of another length', () => {
  for (const length of [0, 31, 33])
    expect(() => makeNetCertificate(new Uint8Array(length))).toThrow(UsageError)
})
