/**
 * The self-signed certificate that carries a net key through TLS. Only its public key means anything: nobody checks names,
 * dates or issuers, so all but key and signature is fixed, and it is made anew at each start. It is byte for byte what
 * `@peculiar/x509` makes, as the tests check; the library itself would cost every process 15 MB (docs/decisions/0018).
 */
import { Buffer } from 'node:buffer'
import * as crypto from 'node:crypto'
import { UsageError } from '../../core/open/errors.ts'

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** RFC 5280's TBSCertificate up to the key: version 3, serial 1, Ed25519, CN=allmend twice, 2020-01-01 to 2120-01-01, the key's algorithm. */
const SIGNED_PREFIX = Buffer.from(
  '308189a003020102020101300506032b657030123110300e06035504031307616c6c6d656e64' +
    '3020170d3230303130313030303030305a180f32313230303130313030303030305a' +
    '30123110300e06035504031307616c6c6d656e64302a300506032b6570032100',
  'hex',
)
/** No extensions. */
const SIGNED_SUFFIX = Buffer.from('a3023000', 'hex')
/** The whole certificate's length: key and signature always have theirs. */
const CERTIFICATE_PREFIX = Buffer.from('3081d6', 'hex')
/** Ed25519, and a bit string of 64 bytes. */
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
  const publicKey = Uint8Array.prototype.slice.call(spki, SPKI_PREFIX.length)
  const signed = Buffer.concat([SIGNED_PREFIX, publicKey, SIGNED_SUFFIX])
  const signature = crypto.sign(null, signed, key)
  const certificate = new crypto.X509Certificate(
    Buffer.concat([CERTIFICATE_PREFIX, signed, SIGNATURE_PREFIX, signature]),
  )
  return {
    publicKey,
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: certificate.toString(),
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
