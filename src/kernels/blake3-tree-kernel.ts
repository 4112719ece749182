// Loader of the kernel for BLAKE3 Merkle trees. Memory layout, in bytes:
//   0     the order of the message words in BLAKE3's seven rounds, 112 bytes
//   256   scratch
//   1088  the hashes, 32 bytes each, followed by 256 bytes of room; a byte in front of them is read
import module from './generated/blake3-tree.ts'
import { ensureMemory, instantiate } from './instantiate.ts'

const HASHES_AT = 1088
const HASH_BYTES = 32
const ROOM = 256
const ROUNDS = 7

/** Leaves of one call: a full shard of 4 MiB and its index have 260. */
export const MAX_TREE_LEAVES = 1024

/** Between rounds BLAKE3 takes the message words in this order. */
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]

export interface Blake3TreeKernel {
  /**
   * The root over 1 to MAX_TREE_LEAVES hashes of 32 bytes, in the shape of RFC 9162, a node being the BLAKE3 hash of a one
   * byte and two children. A fresh array.
   */
  root(leaves: readonly Uint8Array[]): Uint8Array
}

/** An instance with a memory of its own (64 KiB). */
export function createBlake3TreeKernel(): Blake3TreeKernel {
  const kernel = instantiate({ plain: module, relaxed: module })
  ensureMemory(kernel.memory, HASHES_AT + MAX_TREE_LEAVES * HASH_BYTES + ROOM)
  const run = kernel.function('root')
  const memory = new Uint8Array(kernel.memory.buffer)
  let order = PERMUTATION.map((_, i) => i)
  for (let round = 0; round < ROUNDS; round += 1) {
    memory.set(order, round * order.length)
    order = PERMUTATION.map((from) => order[from]!)
  }
  return {
    root(leaves) {
      if (leaves.length < 1 || leaves.length > MAX_TREE_LEAVES)
        throw new RangeError(`a tree of ${leaves.length} leaves`)
      let at = HASHES_AT
      for (const leaf of leaves) {
        if (leaf.length !== HASH_BYTES) throw new RangeError(`a hash of ${leaf.length} bytes`)
        memory.set(leaf, at)
        at += HASH_BYTES
      }
      run(HASHES_AT, leaves.length)
      return memory.slice(HASHES_AT, HASHES_AT + HASH_BYTES)
    },
  }
}
