import { hash } from 'node:crypto'
import { peerId } from '../../core/open/hash.ts'

const sha256 = { sha256: (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer') }

/** A peer's id of its raw Ed25519 key, 32 bytes. */
export function sha256PeerId(netKey: Uint8Array): Uint8Array {
  return peerId(sha256, netKey)
}
