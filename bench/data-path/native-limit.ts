/**
 * The limit of the data path: what one thread would reach if it did nothing but the native stages, one after the other.
 * Every stage runs over the same 8 MiB (a batch of the client's) of random bytes in the pieces that the product uses.
 */
import { createCipheriv, randomFillSync } from 'node:crypto'
import { Blake3Hasher, blake3 } from '@napi-rs/blake-hash'
import { SHARD_LEAF_BYTES } from '../../src/core/open/merkle.ts'
import { bestRate } from '../stages/best-rate.ts'
import { measureChunker } from '../stages/chunker.ts'
import { measureIsal } from '../stages/reed-solomon-isal.ts'
import { measureReedSolomon } from '../stages/reed-solomon.ts'

const SCHEME = { k: 4, n: 6 }
const INPUT_BYTES = 8 * 1024 * 1024
/** The chunker's mean. */
const CHUNK_BYTES = 256 * 1024
const NONCE = new Uint8Array(12)
const STAGE_MS = 250

export interface Stage {
  readonly name: string
  /** MB/s (10^6 bytes). */
  readonly rate: number
  /** Bytes that pass this stage for each byte of input. */
  readonly weight: number
}

/** MB/s that stages of these rates and weights give one after the other. */
export function limitOf(stages: readonly Stage[]): number {
  return 1 / stages.reduce((time, { rate, weight }) => time + weight / rate, 0)
}

/** The better rate of each stage of two measurements. */
export function bestStages(a: readonly Stage[], b: readonly Stage[]): Stage[] {
  return a.map((stage, i) => ({ ...stage, rate: Math.max(stage.rate, b[i]!.rate) }))
}

/** Measures every stage once, a few seconds in all. */
export async function measureNativeStages(): Promise<Stage[]> {
  const input = randomFillSync(Buffer.alloc(INPUT_BYTES))
  const copy = Buffer.alloc(INPUT_BYTES)
  const chunks = pieces(input, CHUNK_BYTES)
  const leaves = pieces(input, SHARD_LEAF_BYTES)
  const key = randomFillSync(Buffer.alloc(32))
  const rate = (run: () => void) => bestRate(INPUT_BYTES, run, STAGE_MS)

  const keyed = rate(() => {
    for (const chunk of chunks) Blake3Hasher.newKeyed(key).update(chunk).digest('hex')
  })
  const hashed = rate(() => {
    for (const chunk of chunks) blake3(chunk)
  })
  const leafHashed = rate(() => {
    for (const leaf of leaves) blake3(leaf)
  })
  const encrypted = rate(() => {
    for (const chunk of chunks) encrypt(key, chunk)
  })
  const copied = rate(() => copy.set(input))
  const chunked = measureChunker(INPUT_BYTES).resident
  const isal = await measureIsal(SCHEME)
  const coded = isal ?? measureReedSolomon(SCHEME).encode

  return [
    { name: 'CDC kernel', rate: chunked, weight: 1 },
    { name: 'BLAKE3 keyed, 256 KiB (key)', rate: keyed, weight: 1 },
    { name: 'AES-256-GCM, 256 KiB', rate: encrypted, weight: 1 },
    { name: 'BLAKE3, 256 KiB (blob id)', rate: hashed, weight: 1 },
    { name: 'memcpy', rate: copied, weight: 1 },
    { name: `RS 4+2 (${isal === undefined ? 'our kernel' : 'ISA-L'})`, rate: coded, weight: 1 },
    { name: 'BLAKE3, 16 KiB (leaves)', rate: leafHashed, weight: SCHEME.n / SCHEME.k },
  ]
}

function pieces(input: Buffer, length: number): Buffer[] {
  return Array.from({ length: input.length / length }, (_, i) => input.subarray(i * length, (i + 1) * length))
}

function encrypt(key: Uint8Array, chunk: Uint8Array): void {
  const cipher = createCipheriv('aes-256-gcm', key, NONCE)
  const { buffer } = cipher.update(chunk)
  cipher.final()
  cipher.getAuthTag()
  // Given back at once: otherwise this would measure the garbage collector instead of the cipher.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.length) buffer.transfer(0)
}
