import { X509Certificate } from 'node:crypto'
import 'reflect-metadata'
import { X509CertificateGenerator } from '@peculiar/x509'
import { expect, test } from 'vitest'
import { makeNetCertificate, netKeyOf } from './net-certificate.ts'

const seed = new Uint8Array(32).fill(7)

test('is, byte for byte, what a library for certificates makes of the same fields', async () => {
  const { cert, publicKey } = makeNetCertificate(seed)
  const usage = { name: 'Ed25519' }
  const { subtle } = globalThis.crypto
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    keys: {
      privateKey: await subtle.importKey('pkcs8', pkcs8, usage, false, ['sign']),
      publicKey: await subtle.importKey('raw', Uint8Array.from(publicKey), usage, true, ['verify']),
    },
    name: 'CN=allmend',
    serialNumber: '01',
    notBefore: new Date('2020-01-01T00:00:00Z'),
    notAfter: new Date('2120-01-01T00:00:00Z'),
    signingAlgorithm: usage,
  })
  expect(Buffer.from(certificate.rawData).toString('hex')).toBe(new X509Certificate(cert).raw.toString('hex'))
})

test('carries the key, and is signed by it', () => {
  const { cert, publicKey } = makeNetCertificate(seed)
  const certificate = new X509Certificate(cert)
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(netKeyOf(certificate)).toEqual(publicKey)
})

test('takes a seed of 32 bytes', () => {
  expect(() => makeNetCertificate(new Uint8Array(31))).toThrow('32 bytes')
})
