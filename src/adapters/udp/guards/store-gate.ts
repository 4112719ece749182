/**
 * What a node of the DHT stores for others. Invariants:
 * - nothing but announcements: the pool's DHT is no place for anybody's data.
 * - under a topic only keys that the pool has admitted; under its own name (where diallers look for a key) every node, since newcomers
 *   have to be reached before they are admitted.
 * The library checks the signatures; this only keeps strangers from crowding out the pool's own records.
 */
import HyperDHT from 'hyperdht'
import type { DhtRequest } from 'hyperdht'
import { equalBytes } from '../../../core/open/bytes.ts'

/** Commands of HyperDHT 6. */
const ANNOUNCE = 4
const STORES_DATA: ReadonlySet<number> = new Set([6 /* mutable */, 8 /* immutable */, 10 /* plugins */])
/** An announcement begins with a byte of flags, bit 0: the key follows. */
const HAS_PEER = 1
const KEY_BYTES = 32

/** Whether this node does what is asked. */
export function mayStore(
  { command, target, value }: DhtRequest,
  admits: (key: Uint8Array) => boolean,
): boolean {
  if (STORES_DATA.has(command)) return false
  if (command !== ANNOUNCE) return true
  // Without a key it would renew what is there already, which nobody of ours does.
  if (target === null || value === null || value.length < 1 + KEY_BYTES || (value[0]! & HAS_PEER) === 0)
    return false
  const key = value.subarray(1, 1 + KEY_BYTES)
  return equalBytes(HyperDHT.hash(key), target) || admits(key)
}
