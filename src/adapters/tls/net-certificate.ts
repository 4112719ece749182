/**
 * The self-signed certificate that carries a net key through TLS. Only its public key means anything: nobody checks names,
 * dates or issuers, so dates are fixed and wide, and it is made anew at each start.
 */
import * as crypto from 'node:crypto'
import 'reflect-metadata'
import { X509CertificateGenerator } from '@peculiar/x509'
import { UsageError } from '../../core/open/errors.ts'

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

export interface NetCertificate {
  /** Raw Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
  /** PEM. */
  readonly key: string
  /** PEM. */
  readonly cert: string
}

/** Makes the certificate of the net key with this 32-byte seed; UsageError for a seed of another length. */
export async function makeNetCertificate(seed: Uint8Array): Promise<NetCertificate> {
  if (seed.length !== 32) throw new UsageError('the seed of a net key has 32 bytes', { length: seed.length })
  const der = Buffer.concat([PKCS8_PREFIX, seed])
  const key = crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = crypto.createPublicKey(key).export({ format: 'der', type: 'spki' })
  const usage = { name: 'Ed25519' }
  const { subtle } = crypto.webcrypto
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
  const publicKey = Uint8Array.prototype.slice.call(spki, SPKI_PREFIX.length)
  return {
    publicKey,
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: certificate.toString('pem'),
  }
}

/** The raw Ed25519 key (32 bytes) of a peer's certificate, or undefined where it has another kind of key or none. */
export function netKeyOf(certificate: crypto.X509Certificate | undefined): Uint8Array | undefined {
  if (certificate?.publicKey.asymmetricKeyType !== 'ed25519') return undefined
  const spki = certificate.publicKey.export({ format: 'der', type: 'spki' })
  if (spki.length !== SPKI_PREFIX.length + 32 || !spki.subarray(0, SPKI_PREFIX.length).equals(SPKI_PREFIX))
    return undefined
  return Uint8Array.prototype.slice.call(spki, SPKI_PREFIX.length)
}
