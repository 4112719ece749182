/**
 * What this home keeps of what it has read, as boxed records of its cache. Invariants:
 * - names are keyed hashes and values are boxed under keys that only this device has, each bound to its first name: the file tells
 *   nothing, and no record of it can be changed, or put in another's place, unnoticed.
 * - keeping is in passing: it may fail, and then nothing else does; `problem` says why.
 */
import { concatBytes, equalBytes, utf8 } from '../../core/open/bytes.ts'
import { AllmendError, UntrustedError } from '../../core/open/errors.ts'
import { ID_BYTES } from '../../core/open/objects/suite.ts'
import { BOX_SALT_BYTES, box, unbox } from '../../core/secret/box.ts'
import type { CacheKeys } from '../../core/secret/cache-keys.ts'
import { cacheKeys } from '../../core/secret/cache-keys.ts'
import { cacheContext } from '../../core/secret/context.ts'
import type { CacheRecord, CacheUsage, ReadCache } from '../../ports/read-cache.ts'
import type { ClientParts } from '../client-parts.ts'

/** Written at once: a transaction costs as much as this many bytes. */
const BATCH_BYTES = 1024 * 1024
const BATCH_RECORDS = 256

export type KeptParts = Pick<ClientParts, 'primitives' | 'random' | 'identity'>

export class KeptRecords {
  readonly #parts: KeptParts
  readonly #cache: ReadCache
  readonly #keys: CacheKeys
  #batch: CacheRecord[] = []
  #batchBytes = 0
  #writing: Promise<void> = Promise.resolve()
  #problem: AllmendError | undefined

  constructor(parts: KeptParts, cache: ReadCache) {
    this.#parts = parts
    this.#cache = cache
    this.#keys = cacheKeys(parts.primitives, parts.identity.pool, parts.identity.device)
  }

  /** Why something could not be kept. */
  get problem(): AllmendError | undefined {
    return this.#problem
  }

  /** The name of a record: of what kind, about what; the ids have fixed lengths by kind. */
  name(kind: string, ...ids: readonly Uint8Array[]): Uint8Array {
    return this.#parts.primitives.hmacSha256(this.#keys.name, concatBytes(utf8(`${kind}\0`), ...ids))
  }

  /** Keeps a value under names of which any finds it; takes them over from what had them before. */
  save(names: readonly [Uint8Array, ...Uint8Array[]], value: Uint8Array): void {
    const { primitives, random } = this.#parts
    const [first] = names
    const sealed = box(
      primitives,
      this.#keys.box,
      'cache',
      this.#context(first),
      value,
      random.bytes(BOX_SALT_BYTES),
    )
    this.#batch.push({ names, value: concatBytes(first, sealed) })
    this.#batchBytes += sealed.length
    if (this.#batchBytes >= BATCH_BYTES || this.#batch.length >= BATCH_RECORDS) this.#write()
  }

  /**
   * Undefined where nothing was kept. Throws UntrustedError for a record that isn't as this device has kept it, and, unless it may have
   * several names, for one that was kept under another.
   */
  async load(name: Uint8Array, { isShared = false } = {}): Promise<Uint8Array | undefined> {
    await this.flush()
    const value = await this.#cache.get(name)
    if (value === undefined) return undefined
    const first = value.subarray(0, ID_BYTES)
    if (first.length < ID_BYTES || !(isShared || equalBytes(first, name)))
      throw new UntrustedError("a record of this home's cache was changed, or put in another's place")
    return unbox(
      this.#parts.primitives,
      this.#keys.box,
      'cache',
      this.#context(first),
      value.subarray(ID_BYTES),
    )
  }

  usage(): Promise<CacheUsage> {
    return this.#cache.usage()
  }

  /** Resolves when everything was handed to the cache. */
  async flush(): Promise<void> {
    this.#write()
    await this.#writing
  }

  async close(): Promise<void> {
    await this.flush()
    await this.#cache.close()
  }

  #context(first: Uint8Array) {
    const { pool, device } = this.#parts.identity
    return cacheContext(pool, device.deviceId, first)
  }

  #write(): void {
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#batchBytes = 0
    this.#writing = this.#writing.then(async () => {
      try {
        await this.#cache.put(batch)
      } catch (error) {
        if (!(error instanceof AllmendError)) throw error
        this.#problem ??= error
      }
    })
  }
}
