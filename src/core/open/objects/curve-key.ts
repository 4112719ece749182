/**
 * Which public keys may be enrolled. Verifiers differ on Ed25519 keys with a torsion component (cofactored or not) and on
 * non-canonical encodings; X25519 keys of small order give everybody the same shared secret. Refusing both once, at enrolment,
 * leaves one verdict everywhere. Works on public values only, so its time may depend on them.
 */
import { UntrustedError } from '../errors.ts'

const P = 2n ** 255n - 19n
/** Order of the prime-order subgroup. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const SIGN_BIT = 2n ** 255n
/** -121665/121666 modulo p, and a square root of -1. */
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n
const SQRT_MINUS_ONE = 19681161376707505956807079304988542015446066515923890162744021073123829784752n
/** u-coordinates of order 1, 2, 4 and 8 on Curve25519 and its twist. */
const SMALL_ORDER_U = new Set([
  0n,
  1n,
  P - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
])
/** A pool has few keys and looks at each often; a check takes about a millisecond. */
const MAX_REMEMBERED = 4_096
const remembered = new Set<string>()

interface Point {
  readonly x: bigint
  readonly y: bigint
  readonly z: bigint
  readonly t: bigint
}

const IDENTITY: Point = { x: 0n, y: 1n, z: 1n, t: 0n }

function mod(value: bigint): bigint {
  const rest = value % P
  return rest < 0n ? rest + P : rest
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let square = base, left = exponent; left > 0n; square = (square * square) % P, left >>= 1n)
    if ((left & 1n) === 1n) result = (result * square) % P
  return result
}

/** Unified addition in extended coordinates, a = -1 (Hisil, Wong, Carter, Dawson 2008, section 3.1). */
function add(p: Point, q: Point): Point {
  const a = mod((p.y - p.x) * (q.y - q.x))
  const b = mod((p.y + p.x) * (q.y + q.x))
  const c = mod(2n * D * p.t * q.t)
  const d = mod(2n * p.z * q.z)
  const [e, f, g, h] = [b - a, d - c, d + c, b + a]
  return { x: mod(e * f), y: mod(g * h), z: mod(f * g), t: mod(e * h) }
}

function multiply(point: Point, scalar: bigint): Point {
  let result = IDENTITY
  for (let doubled = point, left = scalar; left > 0n; doubled = add(doubled, doubled), left >>= 1n)
    if ((left & 1n) === 1n) result = add(result, doubled)
  return result
}

function isIdentity({ x, y, z }: Point): boolean {
  return x === 0n && y === z
}

/** RFC 8032 section 5.1.3; undefined for what is no canonical encoding of a point. */
function decompress(encoded: bigint): Point | undefined {
  const odd = encoded >= SIGN_BIT
  const y = odd ? encoded - SIGN_BIT : encoded
  if (y >= P) return undefined
  const u = mod(y * y - 1n)
  const v = mod(D * y * y + 1n)
  const v3 = mod(v * v * v)
  let x = mod(u * v3 * power(mod(u * v3 * v3 * v), (P - 5n) / 8n))
  const square = mod(v * x * x)
  if (square !== u) {
    if (square !== mod(-u)) return undefined
    x = mod(x * SQRT_MINUS_ONE)
  }
  if (x === 0n && odd) return undefined
  if (((x & 1n) === 1n) !== odd) x = P - x
  return { x, y, z: 1n, t: mod(x * y) }
}

function littleEndian(raw: Uint8Array): bigint {
  let value = 0n
  for (let i = raw.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i]!)
  return value
}

/** Throws UntrustedError unless `raw` is the canonical encoding of an Ed25519 point of prime order. */
export function checkSigningKey(raw: Uint8Array): void {
  const name = String.fromCharCode(...raw)
  if (remembered.has(name)) return
  const point = raw.length === 32 ? decompress(littleEndian(raw)) : undefined
  if (point === undefined || isIdentity(point) || !isIdentity(multiply(point, L)))
    throw new UntrustedError('a signing key that is no point of prime order', { key: raw })
  if (remembered.size >= MAX_REMEMBERED) remembered.clear()
  remembered.add(name)
}

/** Throws UntrustedError unless `raw` is the canonical encoding of an X25519 key that isn't of small order. */
export function checkEncryptionKey(raw: Uint8Array): void {
  const u = littleEndian(raw)
  if (raw.length !== 32 || u >= P || SMALL_ORDER_U.has(u))
    throw new UntrustedError('an encryption key of small order or in an odd encoding', { key: raw })
}
