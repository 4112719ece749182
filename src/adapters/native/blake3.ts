/**
 * BLAKE3 for Node: the native build where this platform has one, else JavaScript and WebAssembly (a seventh of the speed, the
 * same bytes). Which one is in use is told by `blake3Kind`, never hidden.
 */
import { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'
import type * as Native from '@napi-rs/blake-hash'
import type * as Portable from 'blake3-jit'
import type { Primitives } from '../../core/open/primitives.ts'

export type Blake3 = Pick<Primitives, 'blake3' | 'blake3Keyed' | 'blake3DeriveKey'>

const require = createRequire(import.meta.url)

/** For native functions that are declared for Buffers: Node-API takes any Uint8Array for one. */
function asBuffer(bytes: Uint8Array): Buffer {
  return bytes as Buffer
}

const digestBytes = Buffer.alloc(32)

/** A digest that came as text: a native Buffer for each would cost the garbage collector more than the hash itself. */
function digest(text: string, encoding: 'hex' | 'base64url'): Uint8Array {
  digestBytes.write(text, encoding)
  return new Uint8Array(digestBytes)
}

/** By the native package; throws when it has no build for this platform. */
export function nativeBlake3(): Blake3 {
  const { Blake3Hasher, blake3UrlSafeBase64 } = require('@napi-rs/blake-hash') as typeof Native
  return {
    blake3: (bytes) => digest(blake3UrlSafeBase64(asBuffer(bytes)), 'base64url'),
    blake3Keyed(key, ...parts) {
      const hasher = Blake3Hasher.newKeyed(asBuffer(key))
      for (const part of parts) hasher.update(asBuffer(part))
      return digest(hasher.digest('hex'), 'hex')
    },
    blake3DeriveKey(context, material) {
      const hasher = Blake3Hasher.newDeriveKey(context)
      hasher.update(asBuffer(material))
      return hasher.digestBuffer()
    },
  }
}

/** By JavaScript and WebAssembly, on every platform. */
export function portableBlake3(): Blake3 {
  const { createDeriveKey, createKeyed, hash } = require('blake3-jit') as typeof Portable
  return {
    blake3: (bytes) => hash(bytes),
    blake3Keyed(key, ...parts) {
      const hasher = createKeyed(key)
      for (const part of parts) hasher.update(part)
      return hasher.finalize()
    },
    blake3DeriveKey: (context, material) => createDeriveKey(context).update(material).finalize(),
  }
}

function choose(): { readonly kind: 'native' | 'portable'; readonly blake3: Blake3 } {
  try {
    return { kind: 'native', blake3: nativeBlake3() }
  } catch {
    // No build for this platform (or it doesn't load): the other one gives the same bytes.
    return { kind: 'portable', blake3: portableBlake3() }
  }
}

const chosen = choose()

export const blake3Kind = chosen.kind
export const nodeBlake3: Blake3 = chosen.blake3
