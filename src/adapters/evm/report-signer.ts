/**
 * A provider's signer of capacity reports (docs/spec/contracts.md, Signatures). By OpenSSL alone: a provider that loaded a library for
 * Ethereum would take 35 MB more for one signature now and then. Invariants: s is in the lower half, v is 27 or 28.
 */
import * as crypto from 'node:crypto'
import { concatBytes, fromHex, toHex, utf8 } from '../../core/open/bytes.ts'
import { InternalError, UsageError } from '../../core/open/errors.ts'
import type { SigningDomain } from '../../ports/ledger-chain.ts'
import type { ReportSigner } from '../../ports/ledger-providers.ts'

const KEY_BYTES = 32
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const keccak = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(crypto.hash('keccak-256', concatBytes(...parts), 'buffer'))
const word = (value: number | bigint): Uint8Array => bytesOf(BigInt(value))
const padded = (address: Uint8Array): Uint8Array => concatBytes(new Uint8Array(12), address)

const DOMAIN_TYPE = keccak(
  utf8('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
)
const REPORT_TYPE = keccak(utf8('Report(bytes32 id,uint32 capacity,uint32 used,uint32 seq)'))
const NAME = keccak(utf8('Allmend'))
const VERSION = keccak(utf8('1'))

/** Signs for the registry of providers of one pool. */
export function createReportSigner({ chainId, contract }: SigningDomain): ReportSigner {
  const domain = keccak(DOMAIN_TYPE, NAME, VERSION, word(chainId), padded(contract))
  return {
    addressOf: addressOfKey,
    async signReport(key, { id, capacity, used, seq }) {
      const report = keccak(REPORT_TYPE, id, word(capacity), word(used), word(seq))
      return signKeccak(key, concatBytes(new Uint8Array([0x19, 0x01]), domain, report))
    },
  }
}

/** The 20-byte address of a 32-byte secp256k1 key; UsageError where it is none. */
export function addressOfKey(key: Uint8Array): Uint8Array {
  return keccak(publicOf(key).slice(1)).slice(12)
}

/** 65 bytes r, s, v over Keccak-256 of the message. */
function signKeccak(key: Uint8Array, message: Uint8Array): Uint8Array {
  const point = publicOf(key)
  const privateKey = crypto.createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'secp256k1',
      d: Buffer.from(key).toString('base64url'),
      x: Buffer.from(point.subarray(1, 33)).toString('base64url'),
      y: Buffer.from(point.subarray(33)).toString('base64url'),
    },
  })
  const signed = crypto.sign('keccak-256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const r = numberOf(signed.subarray(0, 32))
  const high = numberOf(signed.subarray(32))
  const nonce = nonceOf(numberOf(key), numberOf(keccak(message)), r, high)
  // OpenSSL says nothing of the point whose x is r; the nonce that it took gives it back.
  const chosen = publicOf(bytesOf(nonce))
  if (numberOf(chosen.subarray(1, 33)) !== r) throw new InternalError('a signature does not fit its key')
  const isFlipped = high > ORDER / 2n
  const isOdd = (chosen[64]! & 1) === 1
  return concatBytes(
    bytesOf(r),
    bytesOf(isFlipped ? ORDER - high : high),
    new Uint8Array([isOdd === isFlipped ? 27 : 28]),
  )
}

/** k of s = (z + r d) / k. */
function nonceOf(key: bigint, digest: bigint, r: bigint, s: bigint): bigint {
  return (inverse(s) * ((digest + r * key) % ORDER)) % ORDER
}

/** By Fermat: the order is a prime. */
function inverse(value: bigint): bigint {
  let result = 1n
  let base = value % ORDER
  for (let exponent = ORDER - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % ORDER
    base = (base * base) % ORDER
  }
  return result
}

/** The uncompressed point, 65 bytes. */
function publicOf(key: Uint8Array): Uint8Array {
  const number = key.length === KEY_BYTES ? numberOf(key) : 0n
  if (number === 0n || number >= ORDER)
    throw new UsageError('these bytes are no secp256k1 key', { length: key.length })
  const curve = crypto.createECDH('secp256k1')
  curve.setPrivateKey(key)
  return new Uint8Array(curve.getPublicKey())
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`)
}

/** 32 bytes, big-endian. */
function bytesOf(value: bigint): Uint8Array {
  const bytes = fromHex(value.toString(16).padStart(64, '0'))
  if (bytes === undefined) throw new InternalError('a number beyond 256 bits')
  return bytes
}
