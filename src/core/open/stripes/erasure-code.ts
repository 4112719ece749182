// Systematic Reed-Solomon code over GF(2^8): shards 0..k-1 are the data, k..n-1 parity; docs/spec/erasure-code.md.
//
// - Any k of the n shards determine all others.
// - Data shards of different lengths count as zero-padded to the longest; parity has that length. Padding isn't stored,
//   so a data shard of length 0 is always at hand and never counts as lost.
// - Nothing here verifies content: a wrong byte in gives wrong bytes out. Callers check shards by id before and after.
import {
  createReedSolomonKernel,
  type ReedSolomonKernel,
  type VisitBlock,
} from '../../../kernels/reed-solomon-kernel.ts'
import { generatorMatrix, invert, type Matrix, multiply, selectRows } from './erasure-code-matrix.ts'
import { NotEnoughShardsError, UsageError } from '../errors.ts'
import { allocateBytes } from '../free-bytes.ts'
import { MAX_SHARD_BYTES, MAX_STRIPE_SHARDS, type Scheme } from './stripe.ts'

/** Patterns of loss change when providers come and go: a few hundred cover a pool's; the largest takes 4 KiB. */
const MAX_CACHED_MATRICES = 256

const cache = new Map<string, Matrix>()

function cached(key: string, make: () => Matrix): Matrix {
  const matrix = cache.get(key) ?? make()
  // A Map keeps the order of insertion: taken out and put back, the first entry is the one least recently used.
  cache.delete(key)
  cache.set(key, matrix)
  if (cache.size > MAX_CACHED_MATRICES) {
    const [oldest] = cache.keys()
    if (oldest !== undefined) cache.delete(oldest)
  }
  return matrix
}

let shared: ReedSolomonKernel | undefined

function kernel(): ReedSolomonKernel {
  shared ??= createReedSolomonKernel()
  return shared
}

function generator({ k, n }: Scheme): Matrix {
  return cached(`${k}/${n}`, () => generatorMatrix(k, n))
}

function checkScheme({ k, n }: Scheme): void {
  if (!Number.isInteger(k) || !Number.isInteger(n) || k < 1 || k > n || n > MAX_STRIPE_SHARDS)
    throw new UsageError('a scheme has 1 <= k <= n <= 64', { k, n })
}

function checkLength(length: number): void {
  if (!Number.isInteger(length) || length < 0 || length > MAX_SHARD_BYTES)
    throw new UsageError('a shard has at most 4 MiB + 64 KiB', { length })
}

function longestOf(lengths: readonly number[]): number {
  return lengths.reduce((longest, length) => Math.max(longest, length), 0)
}

/** Buffers for the output: the caller's, to save allocating, or some that may be given back with `freeBytes`. */
function outputs(lengths: readonly number[], into: readonly Uint8Array[] | undefined): Uint8Array[] {
  if (into === undefined) return lengths.map(allocateBytes)
  return lengths.map((length, index) => {
    const buffer = into[index]
    if (buffer === undefined || buffer.length < length)
      throw new UsageError('a given buffer is missing or too small', { index, length })
    return buffer.subarray(0, length)
  })
}

/**
 * The n - k parity shards of k data shards, each as long as the longest of these. `into` may hold buffers to write them to;
 * views of these are returned. `visit` sees all n shards block by block on the way. Throws a UsageError for a scheme, count
 * or size beyond the limits.
 */
export function encodeParity(
  scheme: Scheme,
  data: readonly Uint8Array[],
  into?: readonly Uint8Array[],
  visit?: VisitBlock,
): Uint8Array[] {
  checkScheme(scheme)
  const { k, n } = scheme
  if (data.length !== k) throw new UsageError('a stripe has k data shards', { k, given: data.length })
  const lengths = data.map((shard) => shard.length)
  lengths.forEach(checkLength)
  const parity = outputs(
    Array.from({ length: n - k }, () => longestOf(lengths)),
    into,
  )
  kernel().multiply(generator(scheme).values.subarray(k * k), data, parity, visit)
  return parity
}

/** Which k shards to compute from: data first, since their rows are the sparsest. */
function chooseSources(k: number, shards: readonly (Uint8Array | undefined)[]): number[] {
  const present = shards.flatMap((shard, index) => (shard === undefined ? [] : [index]))
  if (present.length < k)
    throw new NotEnoughShardsError(`${k} shards are needed and ${present.length} are here`, {
      needed: k,
      present: present.length,
    })
  return present.slice(0, k)
}

/**
 * The wanted shards, in the order of `wanted`, at their exact lengths, from any k of the n. `shards` has n entries,
 * undefined where one isn't at hand; `lengths` has those of all n. A wanted shard that is at hand is returned as it is.
 * Throws a NotEnoughShardsError for fewer than k, a UsageError for arguments that don't fit each other or the limits.
 */
export function reconstruct(
  scheme: Scheme,
  shards: readonly (Uint8Array | undefined)[],
  lengths: readonly number[],
  wanted: readonly number[],
): Uint8Array[] {
  checkScheme(scheme)
  const { k, n } = scheme
  if (shards.length !== n || lengths.length !== n)
    throw new UsageError('a stripe has n shards and lengths', {
      n,
      shards: shards.length,
      lengths: lengths.length,
    })
  lengths.forEach(checkLength)
  const longest = longestOf(lengths.slice(0, k))
  const known = lengths.map((length, index) => {
    if (index >= k && length !== longest)
      throw new UsageError('parity is as long as the longest data shard', { index, length, longest })
    const shard = shards[index] ?? (length === 0 ? new Uint8Array(0) : undefined)
    if (shard !== undefined && shard.length !== length)
      throw new UsageError('a shard has another length', { index, length: shard.length, expected: length })
    return shard
  })
  for (const index of wanted)
    if (!Number.isInteger(index) || index < 0 || index >= n)
      throw new UsageError('there is no such shard', { index, n })

  const missing = [...new Set(wanted.filter((index) => known[index] === undefined))]
  if (missing.length > 0) {
    const sources = chooseSources(k, known)
    const rows = cached(`${k}/${n}:${sources.join()}`, () => {
      const all = generator(scheme)
      return multiply(all, invert(selectRows(all, sources)))
    })
    const results = missing.map((index) => new Uint8Array(lengths[index]!))
    kernel().multiply(
      selectRows(rows, missing).values,
      sources.map((index) => known[index]!),
      results,
    )
    missing.forEach((index, at) => {
      known[index] = results[at]
    })
  }
  return wanted.map((index) => known[index]!)
}
