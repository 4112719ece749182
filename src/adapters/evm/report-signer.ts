/**
 * A provider's signer of capacity reports (docs/spec/contracts.md, Signatures). By OpenSSL alone: a provider that loaded a library for
 * Ethereum would take 35 MB more for one signature now and then. What the contract wants besides r and s, the half that s is in and v,
 * follows from the reporter's address: whoever relays the report adds it.
 */
import * as crypto from 'node:crypto'
import { concatBytes, utf8 } from '../../core/open/bytes.ts'
import { UsageError } from '../../core/open/errors.ts'
import type { SigningDomain } from '../../ports/ledger-chain.ts'
import type { ReportSigner } from '../../ports/ledger-providers.ts'

const KEY_BYTES = 32

const keccak = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(crypto.hash('keccak-256', concatBytes(...parts), 'buffer'))
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

/** 64 bytes r, s over Keccak-256 of the message. */
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
  return new Uint8Array(crypto.sign('keccak-256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }))
}

/** The uncompressed point, 65 bytes. */
function publicOf(key: Uint8Array): Uint8Array {
  const refused = () => new UsageError('these bytes are no secp256k1 key', { length: key.length })
  if (key.length !== KEY_BYTES) throw refused()
  const curve = crypto.createECDH('secp256k1')
  try {
    curve.setPrivateKey(key)
  } catch {
    // The library's error could carry the key.
    throw refused()
  }
  return new Uint8Array(curve.getPublicKey())
}

/** 32 bytes, big-endian. */
function word(value: number): Uint8Array {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setBigUint64(24, BigInt(value))
  return bytes
}
