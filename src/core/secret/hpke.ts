/**
 * HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA-256), HKDF-SHA-256, AES-256-GCM, with raw 32-byte keys.
 * Every sealed message is a single one: the context is in `info`, the AAD is empty, the sequence number is 0.
 */
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256, type Key } from 'hpke'
import { concatBytes, fromBase64Url, utf8 } from '../open/bytes.ts'
import { checkEncryptionKey } from '../open/objects/curve-key.ts'
import { InternalError, UntrustedError } from '../open/errors.ts'
import type { Primitives } from '../open/primitives.ts'

/** The encapsulated key in front of the ciphertext, and the tag behind it. */
const HPKE_ENC_BYTES = 32
export const HPKE_OVERHEAD = HPKE_ENC_BYTES + 16

export interface HpkeKeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM)
/** "HPKE-v1" and the suite id of the KEM: "KEM" + 0x0020. */
const LABEL = concatBytes(utf8('HPKE-v1KEM'), Uint8Array.of(0, 0x20))
const NONE = new Uint8Array(0)

/**
 * RFC 9180 section 7.1.3 DeriveKeyPair of 32 bytes. Written here because the library takes the public key by a WebCrypto method
 * that Node calls experimental, with a warning on the terminal.
 */
export async function hpkeDeriveKeyPair(
  primitives: Pick<Primitives, 'hmacSha256' | 'hkdfExpand'>,
  ikm: Uint8Array,
): Promise<HpkeKeyPair> {
  const prk = primitives.hmacSha256(NONE, concatBytes(LABEL, utf8('dkp_prk'), ikm))
  const info = concatBytes(Uint8Array.of(0, 32), LABEL, utf8('sk'))
  const secretKey = primitives.hkdfExpand(prk, info, 32)
  return { secretKey, publicKey: await publicKeyOf(await suite.DeserializePrivateKey(secretKey, true)) }
}

async function publicKeyOf(secretKey: Key): Promise<Uint8Array> {
  const { x } = await crypto.subtle.exportKey(
    'jwk',
    secretKey as Parameters<typeof crypto.subtle.exportKey>[1],
  )
  const publicKey = x === undefined ? undefined : fromBase64Url(x)
  if (publicKey === undefined) throw new InternalError('WebCrypto gave no public key')
  return publicKey
}

/** Seals to an X25519 public key: 32 bytes encapsulated key + ciphertext + 16-byte tag. Throws UntrustedError for a small-order key. */
export async function hpkeSeal(
  publicKey: Uint8Array,
  info: Uint8Array,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  checkEncryptionKey(publicKey)
  const { encapsulatedSecret, ciphertext } = await suite.Seal(
    await suite.DeserializePublicKey(publicKey),
    plaintext,
    { info },
  )
  return concatBytes(encapsulatedSecret, ciphertext)
}

/** Opens what `hpkeSeal` made; throws UntrustedError unless key, info and every byte fit. */
export async function hpkeOpen(
  secretKey: Uint8Array,
  info: Uint8Array,
  sealed: Uint8Array,
): Promise<Uint8Array> {
  if (sealed.length < HPKE_OVERHEAD) throw new UntrustedError('a sealed message that is cut short')
  const enc = sealed.slice(0, HPKE_ENC_BYTES)
  // X25519 ignores the high bit and reduces modulo p: the canonical encoding alone keeps a sealed message unique.
  checkEncryptionKey(enc)
  const privateKey = await suite.DeserializePrivateKey(secretKey, true)
  const publicKey = await suite.DeserializePublicKey(await publicKeyOf(privateKey))
  try {
    return await suite.Open({ privateKey, publicKey }, enc, sealed.subarray(HPKE_ENC_BYTES), { info })
  } catch (cause) {
    throw new UntrustedError("a sealed message doesn't open with this key and context", {}, { cause })
  }
}
