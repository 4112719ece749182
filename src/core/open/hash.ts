import { concatBytes, utf8 } from './bytes.ts'
import type { Primitives } from './primitives.ts'

/** `H(t, x)` of docs/spec/primitives.md: SHA-256("allmend/1/" + t + 0 + x), 32 bytes. */
export function taggedHash(
  primitives: Pick<Primitives, 'sha256'>,
  tag: string,
  bytes: Uint8Array,
): Uint8Array {
  const prefix = prefixOf(tag)
  const length = prefix.length + bytes.length
  if (length > scratch.length) return primitives.sha256(tagged(tag, bytes))
  scratch.set(prefix)
  scratch.set(bytes, prefix.length)
  return primitives.sha256(scratch.subarray(0, length))
}

/** Most of what is hashed is short, and by the hundred thousand: its input isn't allocated anew. */
const scratch = new Uint8Array(4_096)
/** There are a few dozen tags, asked for by the hundred thousand. */
const prefixes = new Map<string, Uint8Array>()

function prefixOf(tag: string): Uint8Array {
  let prefix = prefixes.get(tag)
  if (prefix === undefined) {
    prefix = utf8(`allmend/1/${tag}\0`)
    prefixes.set(tag, prefix)
  }
  return prefix
}

/** "allmend/1/" + tag + a zero byte + the given parts: the domain separation of hashes, signatures and derivations. */
export function tagged(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(prefixOf(tag), ...parts)
}

/** What `sign(t, b)` signs: "allmend/1/" + t + 0 + pool id + b. */
export function signedBytes(tag: string, pool: Uint8Array, bytes: Uint8Array): Uint8Array {
  return tagged(tag, pool, bytes)
}

/** A peer's id: H("peer", its raw Ed25519 net key). */
export function peerId(primitives: Pick<Primitives, 'sha256'>, netKey: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'peer', netKey)
}
