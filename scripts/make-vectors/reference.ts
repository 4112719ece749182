/**
 * The constructions of docs/spec once more, by node:crypto and without any module of src: what the vectors are made with, so that
 * the code is checked against the specification and not against itself. Every value follows from labels: a second run writes
 * the same files.
 */
import * as crypto from 'node:crypto'

export type Cbor = number | string | boolean | Uint8Array | readonly Cbor[] | ReadonlyMap<number, Cbor>

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
export const utf8 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf8'))

/** `length` bytes that look random and follow from the label. */
export function bytes(label: string, length = 32): Uint8Array {
  return new Uint8Array(crypto.createHash('shake256', { outputLength: length }).update(label).digest())
}

function cborHead(major: number, value: number): Uint8Array {
  const type = major << 5
  if (value < 24) return Uint8Array.of(type | value)
  if (value < 2 ** 8) return Uint8Array.of(type | 24, value)
  const out = Buffer.alloc(9)
  if (value < 2 ** 16) {
    out[0] = type | 25
    out.writeUInt16BE(value, 1)
    return new Uint8Array(out.subarray(0, 3))
  }
  if (value < 2 ** 32) {
    out[0] = type | 26
    out.writeUInt32BE(value, 1)
    return new Uint8Array(out.subarray(0, 5))
  }
  out[0] = type | 27
  out.writeBigUInt64BE(BigInt(value), 1)
  return new Uint8Array(out)
}

/** Deterministic CBOR; maps are given with rising non-negative keys. */
export function cbor(value: Cbor): Uint8Array {
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xf5 : 0xf4)
  if (typeof value === 'number') return value < 0 ? cborHead(1, -1 - value) : cborHead(0, value)
  if (typeof value === 'string') return concat(cborHead(3, utf8(value).length), utf8(value))
  if (value instanceof Uint8Array) return concat(cborHead(2, value.length), value)
  if (value instanceof Map)
    return concat(cborHead(5, value.size), ...[...value].flatMap(([key, item]) => [cbor(key), cbor(item)]))
  const items = value as readonly Cbor[]
  return concat(cborHead(4, items.length), ...items.map(cbor))
}

/** A CBOR map; entries whose value is undefined are left out. */
export function map(...entries: readonly (readonly [number, Cbor | undefined])[]): ReadonlyMap<number, Cbor> {
  return new Map(entries.filter((entry): entry is readonly [number, Cbor] => entry[1] !== undefined))
}

export const tagged = (tag: string, ...parts: readonly Uint8Array[]): Uint8Array =>
  concat(utf8(`allmend/1/${tag}`), Uint8Array.of(0), ...parts)

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    crypto
      .createHash('sha256')
      .update(concat(...parts))
      .digest(),
  )
}

/** H(t, x). */
export const H = (tag: string, ...parts: readonly Uint8Array[]): Uint8Array => sha256(tagged(tag, ...parts))

const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]) =>
  new Uint8Array(
    crypto
      .createHmac('sha256', key)
      .update(concat(...parts))
      .digest(),
  )

export function hkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(crypto.hkdfSync('sha256', key, salt, info, length))
}

export function expand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  let [out, last] = [new Uint8Array(0) as Uint8Array, new Uint8Array(0) as Uint8Array]
  for (let i = 1; out.length < length; i++) {
    last = hmac(prk, last, info, Uint8Array.of(i))
    out = concat(out, last)
  }
  return out.slice(0, length)
}

export function gcm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce).setAAD(aad)
  return concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
}

const ZERO_NONCE = new Uint8Array(12)
const NONE = new Uint8Array(0)

/** The box of docs/spec/primitives.md. */
export function box(
  key: Uint8Array,
  tag: string,
  context: readonly Cbor[],
  plaintext: Uint8Array,
  salt: Uint8Array,
): Uint8Array {
  const derived = hkdf(key, salt, tagged(tag, cbor(context)), 64)
  return concat(salt, derived.subarray(0, 32), gcm(derived.subarray(32), ZERO_NONCE, NONE, plaintext))
}

function keyOf(oid: '70' | '6e', seed: Uint8Array): crypto.KeyObject {
  const key = Buffer.concat([Buffer.from(`302e020100300506032b65${oid}04220420`, 'hex'), seed])
  return crypto.createPrivateKey({ key, format: 'der', type: 'pkcs8' })
}

function publicOf(key: crypto.KeyObject): Uint8Array {
  return new Uint8Array(crypto.createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(12))
}

export const ed25519Public = (seed: Uint8Array): Uint8Array => publicOf(keyOf('70', seed))
export const x25519Public = (secret: Uint8Array): Uint8Array => publicOf(keyOf('6e', secret))

/** sign(t, b): over "allmend/1/" + t + 0 + pool + b. */
export function sign(tag: string, pool: Uint8Array, seed: Uint8Array, body: Uint8Array): Uint8Array {
  return new Uint8Array(crypto.sign(null, tagged(tag, pool, body), keyOf('70', seed)))
}

/** Ed25519 over the bytes as they are. */
export function signRaw(seed: Uint8Array, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(crypto.sign(null, bytes, keyOf('70', seed)))
}

const KEM = concat(utf8('KEM'), Uint8Array.of(0, 0x20))
const HPKE = concat(utf8('HPKE'), Uint8Array.of(0, 0x20, 0, 1, 0, 2))
const V1 = utf8('HPKE-v1')
const labeledExtract = (suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array) =>
  hmac(salt, V1, suite, utf8(label), ikm)
const labeledExpand = (suite: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number) =>
  expand(prk, concat(Uint8Array.of(length >> 8, length & 255), V1, suite, utf8(label), info), length)

export interface Pair {
  readonly secretKey: Uint8Array
  readonly publicKey: Uint8Array
}

/** RFC 9180 section 7.1.3. */
export function deriveKeyPair(ikm: Uint8Array): Pair {
  const secretKey = labeledExpand(KEM, labeledExtract(KEM, NONE, 'dkp_prk', ikm), 'sk', NONE, 32)
  return { secretKey, publicKey: x25519Public(secretKey) }
}

/** RFC 9180 base mode, first message, with a given ephemeral pair (which a real sender draws at random). */
export function hpkeSeal(
  recipient: Uint8Array,
  info: Uint8Array,
  plaintext: Uint8Array,
  ephemeral: Pair,
): Uint8Array {
  const spki = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), recipient])
  const dh = new Uint8Array(
    crypto.diffieHellman({
      privateKey: keyOf('6e', ephemeral.secretKey),
      publicKey: crypto.createPublicKey({ key: spki, format: 'der', type: 'spki' }),
    }),
  )
  const kemContext = concat(ephemeral.publicKey, recipient)
  const shared = labeledExpand(KEM, labeledExtract(KEM, NONE, 'eae_prk', dh), 'shared_secret', kemContext, 32)
  const context = concat(
    Uint8Array.of(0),
    labeledExtract(HPKE, NONE, 'psk_id_hash', NONE),
    labeledExtract(HPKE, NONE, 'info_hash', info),
  )
  const secret = labeledExtract(HPKE, shared, 'secret', NONE)
  const key = labeledExpand(HPKE, secret, 'key', context, 32)
  const nonce = labeledExpand(HPKE, secret, 'base_nonce', context, 12)
  return concat(ephemeral.publicKey, gcm(key, nonce, NONE, plaintext))
}
