/**
 * The EIP-712 messages of the contracts (docs/spec/contracts.md) and their signers. A signature is bound to one chain and one
 * contract.
 */
import type { Hex } from 'viem'
import {
  bytesToHex,
  hashTypedData,
  hexToBigInt,
  hexToBytes,
  numberToHex,
  recoverAddress,
  serializeSignature,
} from 'viem'
import { privateKeyToAddress, sign } from 'viem/accounts'
import { equalBytes } from '../../core/open/bytes.ts'
import { UsageError } from '../../core/open/errors.ts'
import type { SigningDomain } from '../../ports/ledger-chain.ts'
import type { NameSigner } from '../../ports/ledger-names.ts'
import type { CapacityReport, ProviderAdmission } from '../../ports/ledger-providers.ts'

const TYPES = {
  Register: [
    { name: 'name', type: 'string' },
    { name: 'member', type: 'bytes32' },
    { name: 'owner', type: 'address' },
  ],
  Rotate: [
    { name: 'name', type: 'string' },
    { name: 'owner', type: 'address' },
    { name: 'next', type: 'address' },
    { name: 'rotations', type: 'uint64' },
  ],
  Report: [
    { name: 'id', type: 'bytes32' },
    { name: 'capacity', type: 'uint32' },
    { name: 'used', type: 'uint32' },
    { name: 'seq', type: 'uint32' },
  ],
  Admit: [
    { name: 'id', type: 'bytes32' },
    { name: 'endpointKey', type: 'bytes32' },
    { name: 'operator', type: 'bytes32' },
    { name: 'domain', type: 'bytes32' },
    { name: 'reporter', type: 'address' },
  ],
  Govern: [
    { name: 'role', type: 'uint8' },
    { name: 'next', type: 'address' },
    { name: 'nonce', type: 'uint256' },
  ],
} as const

type MessageType = keyof typeof TYPES

export function hexOf(bytes: Uint8Array): Hex {
  return bytesToHex(bytes)
}

/** The 32 bytes that are signed. */
export function messageDigest(
  { chainId, contract }: SigningDomain,
  type: MessageType,
  message: Readonly<Record<string, unknown>>,
): Hex {
  return hashTypedData({
    domain: { name: 'Allmend', version: '1', chainId, verifyingContract: hexOf(contract) },
    types: { [type]: TYPES[type] },
    primaryType: type,
    message,
  })
}

/** The address of a 32-byte secp256k1 key; UsageError where it is none (zero, or not below the curve's order). */
export function addressOf(key: Uint8Array): Uint8Array {
  try {
    return hexToBytes(privateKeyToAddress(hexOf(key)))
  } catch {
    // The library's message could carry the key.
    throw new UsageError('these bytes are no secp256k1 key', { length: key.length })
  }
}

/** 65 bytes r, s, v; deterministic (RFC 6979), s in the lower half. */
export async function signMessage(
  key: Uint8Array,
  domain: SigningDomain,
  type: MessageType,
  message: Readonly<Record<string, unknown>>,
): Promise<Uint8Array> {
  const signature = await sign({
    hash: messageDigest(domain, type, message),
    privateKey: hexOf(key),
    to: 'hex',
  })
  return hexToBytes(signature)
}

/** Signs for the registry of names of one pool. */
export function createNameSigner(domain: SigningDomain): NameSigner {
  return {
    addressOf,
    async signClaim(key, { name, member }) {
      const owner = addressOf(key)
      const message = { name, member: hexOf(member), owner: hexOf(owner) }
      return { name, member, owner, signature: await signMessage(key, domain, 'Register', message) }
    },
    async signRotation(key, nextKey, name, rotations) {
      const next = addressOf(nextKey)
      const message = { name, owner: hexOf(addressOf(key)), next: hexOf(next), rotations: BigInt(rotations) }
      return {
        name,
        next,
        signature: await signMessage(key, domain, 'Rotate', message),
        nextSignature: await signMessage(nextKey, domain, 'Rotate', message),
      }
    },
  }
}

/** Of secp256k1: s and its negative sign alike, and the contract takes the lower one. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** A report's signature in the form that the contract takes, 65 bytes; undefined unless it is the reporter's. */
export async function reportSignature(
  domain: SigningDomain,
  { id, capacity, used, seq, signature }: CapacityReport,
  reporter: Uint8Array,
): Promise<Uint8Array | undefined> {
  if (signature.length !== 64) return undefined
  const s = hexToBigInt(hexOf(signature.subarray(32)))
  if (s >= ORDER) return undefined
  const lower = s > ORDER / 2n ? ORDER - s : s
  const hash = messageDigest(domain, 'Report', { id: hexOf(id), capacity, used, seq })
  const r = hexOf(signature.subarray(0, 32))
  for (const v of [27n, 28n])
    try {
      const whole = serializeSignature({ r, s: numberToHex(lower, { size: 32 }), v })
      const signer = hexToBytes(await recoverAddress({ hash, signature: whole }))
      if (equalBytes(signer, reporter)) return hexToBytes(whole)
    } catch {
      // No point of the curve: the library's error names no more than that.
    }
  return undefined
}

export function admissionMessage(admission: Omit<ProviderAdmission, 'signature'>) {
  return {
    id: hexOf(admission.id),
    endpointKey: hexOf(admission.endpointKey),
    operator: hexOf(admission.operator),
    domain: hexOf(admission.domain),
    reporter: hexOf(admission.reporter),
  }
}
