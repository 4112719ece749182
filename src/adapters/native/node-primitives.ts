import { Buffer } from 'node:buffer'
import * as crypto from 'node:crypto'
import * as zlib from 'node:zlib'
import type { Argon2Cost, Primitives } from '../../core/open/primitives.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { nodeBlake3 } from './blake3.ts'

const ZERO_NONCE = new Uint8Array(12)
const TAG_BYTES = 16
/** The DER wrapping of raw Ed25519 keys (RFC 8410): PKCS#8 seed and SubjectPublicKeyInfo. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
/** Parsing a key costs more than a signature; a process deals with few of them. */
const MAX_CACHED_KEYS = 256

const privateKeys = new Map<string, crypto.KeyObject>()
const publicKeys = new Map<string, crypto.KeyObject>()

function cached(
  cache: Map<string, crypto.KeyObject>,
  raw: Uint8Array,
  make: () => crypto.KeyObject,
): crypto.KeyObject {
  const name = Buffer.from(raw).toString('latin1')
  let key = cache.get(name)
  if (key === undefined) {
    key = make()
    if (cache.size >= MAX_CACHED_KEYS) cache.clear()
    cache.set(name, key)
  }
  return key
}

function privateKey(seed: Uint8Array): crypto.KeyObject {
  return cached(privateKeys, seed, () =>
    crypto.createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' }),
  )
}

function publicKey(raw: Uint8Array): crypto.KeyObject {
  return cached(publicKeys, raw, () => {
    if (raw.length !== 32) throw new UntrustedError('an Ed25519 public key has 32 bytes')
    return crypto.createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' })
  })
}

/** Smaller buffers are cheaper to collect than to detach. */
const WORTH_GIVING_BACK = 32 * 1024

/** Frees a buffer that nobody else has seen, instead of having megabytes wait for the garbage collector. */
function giveBack({ buffer, length }: Uint8Array): void {
  if (length >= WORTH_GIVING_BACK && buffer instanceof ArrayBuffer && buffer.byteLength === length)
    buffer.transfer(0)
}

/** What Node takes at once. */
const MAX_HKDF_INFO = 1_024

function hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const out = Buffer.allocUnsafe(Math.ceil(length / 32) * 32)
  let previous: Uint8Array = new Uint8Array(0)
  for (let i = 0; i * 32 < length; i++) {
    const mac = crypto.createHmac('sha256', key)
    previous = mac
      .update(previous)
      .update(info)
      .update(Uint8Array.of(i + 1))
      .digest()
    out.set(previous, i * 32)
  }
  return out.subarray(0, length)
}

/** A digest out of a string: a third of what the buffer costs that Node would make, outside of its heap, for each. */
function bytesOf(latin1: string): Uint8Array {
  const out = new Uint8Array(latin1.length)
  for (let i = 0; i < out.length; i++) out[i] = latin1.charCodeAt(i)
  return out
}

/** Primitives from Node's crypto and zlib, and native BLAKE3. */
export const nodePrimitives: Primitives = {
  ...nodeBlake3,
  sha256: (bytes) => bytesOf(crypto.hash('sha256', bytes, 'latin1')),
  sha512: (bytes) => crypto.hash('sha512', bytes, 'buffer'),
  hmacSha256: (key, bytes) => crypto.createHmac('sha256', key).update(bytes).digest(),
  hkdf(key, salt, info, length) {
    // One call instead of nine: each file takes two derivations.
    if (info.length <= MAX_HKDF_INFO)
      return new Uint8Array(crypto.hkdfSync('sha256', key, salt, info, length))
    const extracted = crypto.createHmac('sha256', salt).update(key).digest()
    return hkdfExpand(extracted, info, length)
  },
  hkdfExpand,
  gcmSeal(key, aad, plaintext, prefix) {
    const cipher = crypto.createCipheriv('aes-256-gcm', key, ZERO_NONCE)
    cipher.setAAD(aad)
    const ciphertext = cipher.update(plaintext)
    cipher.final()
    const before = prefix?.length ?? 0
    const out = Buffer.allocUnsafeSlow(before + ciphertext.length + TAG_BYTES)
    if (prefix !== undefined) out.set(prefix, 0)
    out.set(ciphertext, before)
    out.set(cipher.getAuthTag(), before + ciphertext.length)
    giveBack(ciphertext)
    return out
  },
  gcmOpen(key, aad, sealed) {
    if (sealed.length < TAG_BYTES) return undefined
    const decipher = crypto.createDecipheriv('aes-256-gcm', key, ZERO_NONCE, { authTagLength: TAG_BYTES })
    decipher.setAAD(aad)
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
    const plaintext = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES))
    try {
      decipher.final()
    } catch {
      return undefined
    }
    return plaintext
  },
  ed25519Public(seed) {
    const spki = crypto.createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' })
    return Uint8Array.prototype.slice.call(spki, SPKI_PREFIX.length)
  },
  ed25519Sign: (seed, bytes) => crypto.sign(null, bytes, privateKey(seed)),
  ed25519Verify(key, bytes, signature) {
    if (signature.length !== 64 || key.length !== 32) return false
    return crypto.verify(null, bytes, publicKey(key), signature)
  },
  zstdCompress: (bytes) =>
    zlib.zstdCompressSync(bytes, {
      params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 },
      pledgedSrcSize: bytes.length,
    }),
  zstdDecompress(bytes, length) {
    try {
      const out = zlib.zstdDecompressSync(bytes, { maxOutputLength: Math.max(length, 1) })
      return out.length === length ? out : undefined
    } catch {
      return undefined
    }
  },
  argon2id: (password, salt, cost: Argon2Cost) =>
    new Promise((resolve, reject) => {
      crypto.argon2(
        'argon2id',
        {
          message: password,
          nonce: salt,
          parallelism: cost.parallelism,
          tagLength: 32,
          memory: cost.memoryKiB,
          passes: cost.passes,
        },
        (error, tag) => (error === null || error === undefined ? resolve(tag) : reject(error)),
      )
    }),
}
