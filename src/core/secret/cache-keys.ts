/**
 * The keys of a home's cache, which only its device can derive: one boxes records, the other makes names of what they are about, so that
 * the file tells neither.
 */
import { tagged } from '../open/hash.ts'
import type { Primitives } from '../open/primitives.ts'
import type { DeviceKeys } from './device-keys.ts'

const KEY_BYTES = 32

export interface CacheKeys {
  readonly box: Uint8Array
  readonly name: Uint8Array
}

export function cacheKeys(
  primitives: Primitives,
  pool: Uint8Array,
  { encSecret }: Pick<DeviceKeys, 'encSecret'>,
): CacheKeys {
  const keys = primitives.hkdf(encSecret, new Uint8Array(0), tagged('cache', pool), 2 * KEY_BYTES)
  return { box: keys.slice(0, KEY_BYTES), name: keys.slice(KEY_BYTES) }
}
