/**
 * The native primitives that core needs, as one interface: adapters bring them (Node's crypto, the browser's).
 * All are synchronous, deterministic and pure; none keeps a reference to its arguments; results are fresh buffers.
 * Outputs may be Node Buffers: treat them as Uint8Array.
 */
export interface Primitives {
  /** BLAKE3, 32 bytes. */
  blake3(bytes: Uint8Array): Uint8Array
  /** Keyed BLAKE3 of `parts` in order, 32 bytes; `key` is 32 bytes. */
  blake3Keyed(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array
  /** BLAKE3's derive_key mode, 32 bytes. */
  blake3DeriveKey(context: string, material: Uint8Array): Uint8Array
  sha256(bytes: Uint8Array): Uint8Array
  sha512(bytes: Uint8Array): Uint8Array
  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array
  /** HKDF-SHA-256 (RFC 5869), extract and expand; `length` at most 8,160 bytes. */
  hkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array
  /** HKDF-Expand-SHA-256 alone, for a key that is already uniform. */
  hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Uint8Array
  /** AES-256-GCM with a 12-byte zero nonce: the key must be used once. Returns `prefix` + ciphertext + 16-byte tag. */
  gcmSeal(key: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, prefix?: Uint8Array): Uint8Array
  /** Opens ciphertext + tag, or returns undefined when the tag is wrong; nothing unauthenticated is returned. */
  gcmOpen(key: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
  /** The raw 32-byte Ed25519 public key of a 32-byte seed. */
  ed25519Public(seed: Uint8Array): Uint8Array
  /** Ed25519 signature (64 bytes) of `bytes` by a 32-byte seed. */
  ed25519Sign(seed: Uint8Array, bytes: Uint8Array): Uint8Array
  /** Cofactorless verification, S < L, canonical encodings. */
  ed25519Verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean
  /** zstd at level 1. */
  zstdCompress(bytes: Uint8Array): Uint8Array
  /** Decompresses to exactly `length` bytes; undefined when the input is bad or would give any other length. */
  zstdDecompress(bytes: Uint8Array, length: number): Uint8Array | undefined
  /** Argon2id (RFC 9106) to 32 bytes; memory in KiB. Slow on purpose, hence asynchronous. */
  argon2id(password: Uint8Array, salt: Uint8Array, cost: Argon2Cost): Promise<Uint8Array>
}

export interface Argon2Cost {
  readonly memoryKiB: number
  readonly passes: number
  readonly parallelism: number
}
