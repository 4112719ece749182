import { randomBytes, randomFillSync } from 'node:crypto'
import type { Random } from '../../ports/random.ts'

/** A call of the system's generator costs more than the bytes: salts and ids, three for each file, are cut from one filling. */
const POOL_BYTES = 4_096
const MAX_CUT_BYTES = 64

const pool = new Uint8Array(POOL_BYTES)
let used = POOL_BYTES

/** The system's cryptographic generator. Bytes that were given are not kept: each is given once. */
export const nodeRandom: Random = {
  bytes(length) {
    if (length > MAX_CUT_BYTES) return randomBytes(length)
    if (used + length > POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    const start = used
    used += length
    const out = pool.slice(start, used)
    pool.fill(0, start, used)
    return out
  },
}
