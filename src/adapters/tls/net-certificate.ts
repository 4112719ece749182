/**
 * The self-signed certificate that carries a net key through TLS. Only its public key means anything: nobody checks names,
 * dates or issuers, so all of it but key and signature is the same for everybody, and stands here as bytes. A library that can write any
 * certificate takes a quarter of the time in which a process starts.
 */
import * as crypto from 'node:crypto'
import { UsageError } from '../../core/open/errors.ts'

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
/** Of the 140 bytes that are signed, up to the public key: version 3, serial 1, Ed25519, issuer CN=allmend, from 2020 to 2120, subject CN=allmend. */
const SIGNED_PREFIX = Buffer.from(
  '308189a003020102020101300506032b657030123110300e06035504031307616c6c6d656e643020170d3230303130313030303030305a180f3231323030313031' +
    '3030303030305a30123110300e06035504031307616c6c6d656e64',
  'hex',
)
/** Behind the public key: no extensions. */
const SIGNED_SUFFIX = Buffer.from('a3023000', 'hex')
/** A sequence of what is signed, Ed25519, and a signature as a bit string of 64 bytes. */
const CERTIFICATE_PREFIX = Buffer.from('3081d6', 'hex')
const SIGNATURE_PREFIX = Buffer.from('300506032b6570034100', 'hex')

export interface NetCertificate {
  /** Raw Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
  /** PEM. */
  readonly key: string
  /** PEM. */
  readonly cert: string
}

/** Makes the certificate of the net key with this 32-byte seed; UsageError for a seed of another length. */
export function makeNetCertificate(seed: Uint8Array): NetCertificate {
  if (seed.length !== 32) throw new UsageError('the seed of a net key has 32 bytes', { length: seed.length })
  const der = Buffer.concat([PKCS8_PREFIX, seed])
  const key = crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = crypto.createPublicKey(key).export({ format: 'der', type: 'spki' })
  const signed = Buffer.concat([SIGNED_PREFIX, spki, SIGNED_SUFFIX])
  const signature = crypto.sign(null, signed, key)
  const certificate = Buffer.concat([CERTIFICATE_PREFIX, signed, SIGNATURE_PREFIX, signature])
  return {
    publicKey: Uint8Array.prototype.slice.call(spki, SPKI_PREFIX.length),
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: new crypto.X509Certificate(certificate).toString(),
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
