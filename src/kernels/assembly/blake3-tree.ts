// The inner nodes of a shard's Merkle tree, BLAKE3 of a one byte and two hashes, four at a time: one in each lane.
//
// 65 bytes are one BLAKE3 chunk of two blocks: 64 bytes, then the last byte of the right hash alone. Because of the one byte
// in front, word i of the message starts a byte before word i of the pair.

const IV0: u32 = 0x6a09e667
const IV1: u32 = 0xbb67ae85
const IV2: u32 = 0x3c6ef372
const IV3: u32 = 0xa54ff53a
const IV4: u32 = 0x510e527f
const IV5: u32 = 0x9b05688c
const IV6: u32 = 0x1f83d9ab
const IV7: u32 = 0x5be0cd19

const CHUNK_START: u32 = 1
const CHUNK_END_ROOT: u32 = 2 | 8
const NODE_PREFIX: u32 = 1

/** Message words of four nodes, 16 vectors. */
const WORDS: usize = 256
/** Chaining values between the blocks, 8 vectors. */
const CHAIN: usize = 512

// @ts-ignore: decorator
@inline
function right(v: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(v, bits), i32x4.shl(v, 32 - bits))
}

// @ts-ignore: decorator
@inline
function right16(v: v128): v128 {
  return v128.shuffle<u8>(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
}

// @ts-ignore: decorator
@inline
function right8(v: v128): v128 {
  return v128.shuffle<u8>(v, v, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)
}

/** The message word that a round takes in `place`; the caller put the order at address 0, an offset a byte. */
// @ts-ignore: decorator
@inline
function word(place: usize, round: usize): v128 {
  return v128.load(WORDS + (<usize>load<u8>(round + place) << 4))
}

/** Compresses the words with the chaining values, which are replaced; the counter is 0. */
function compress(length: u32, flags: u32): void {
  let v0 = v128.load(CHAIN)
  let v1 = v128.load(CHAIN, 16)
  let v2 = v128.load(CHAIN, 32)
  let v3 = v128.load(CHAIN, 48)
  let v4 = v128.load(CHAIN, 64)
  let v5 = v128.load(CHAIN, 80)
  let v6 = v128.load(CHAIN, 96)
  let v7 = v128.load(CHAIN, 112)
  let v8 = i32x4.splat(IV0)
  let v9 = i32x4.splat(IV1)
  let v10 = i32x4.splat(IV2)
  let v11 = i32x4.splat(IV3)
  let v12 = i32x4.splat(0)
  let v13 = i32x4.splat(0)
  let v14 = i32x4.splat(length)
  let v15 = i32x4.splat(flags)
  for (let round: usize = 0; round < 112; round += 16) {
    v0 = i32x4.add(i32x4.add(v0, v4), word(0, round))
    v12 = right16(v128.xor(v12, v0))
    v8 = i32x4.add(v8, v12)
    v4 = right(v128.xor(v4, v8), 12)
    v0 = i32x4.add(i32x4.add(v0, v4), word(1, round))
    v12 = right8(v128.xor(v12, v0))
    v8 = i32x4.add(v8, v12)
    v4 = right(v128.xor(v4, v8), 7)
    v1 = i32x4.add(i32x4.add(v1, v5), word(2, round))
    v13 = right16(v128.xor(v13, v1))
    v9 = i32x4.add(v9, v13)
    v5 = right(v128.xor(v5, v9), 12)
    v1 = i32x4.add(i32x4.add(v1, v5), word(3, round))
    v13 = right8(v128.xor(v13, v1))
    v9 = i32x4.add(v9, v13)
    v5 = right(v128.xor(v5, v9), 7)
    v2 = i32x4.add(i32x4.add(v2, v6), word(4, round))
    v14 = right16(v128.xor(v14, v2))
    v10 = i32x4.add(v10, v14)
    v6 = right(v128.xor(v6, v10), 12)
    v2 = i32x4.add(i32x4.add(v2, v6), word(5, round))
    v14 = right8(v128.xor(v14, v2))
    v10 = i32x4.add(v10, v14)
    v6 = right(v128.xor(v6, v10), 7)
    v3 = i32x4.add(i32x4.add(v3, v7), word(6, round))
    v15 = right16(v128.xor(v15, v3))
    v11 = i32x4.add(v11, v15)
    v7 = right(v128.xor(v7, v11), 12)
    v3 = i32x4.add(i32x4.add(v3, v7), word(7, round))
    v15 = right8(v128.xor(v15, v3))
    v11 = i32x4.add(v11, v15)
    v7 = right(v128.xor(v7, v11), 7)
    v0 = i32x4.add(i32x4.add(v0, v5), word(8, round))
    v15 = right16(v128.xor(v15, v0))
    v10 = i32x4.add(v10, v15)
    v5 = right(v128.xor(v5, v10), 12)
    v0 = i32x4.add(i32x4.add(v0, v5), word(9, round))
    v15 = right8(v128.xor(v15, v0))
    v10 = i32x4.add(v10, v15)
    v5 = right(v128.xor(v5, v10), 7)
    v1 = i32x4.add(i32x4.add(v1, v6), word(10, round))
    v12 = right16(v128.xor(v12, v1))
    v11 = i32x4.add(v11, v12)
    v6 = right(v128.xor(v6, v11), 12)
    v1 = i32x4.add(i32x4.add(v1, v6), word(11, round))
    v12 = right8(v128.xor(v12, v1))
    v11 = i32x4.add(v11, v12)
    v6 = right(v128.xor(v6, v11), 7)
    v2 = i32x4.add(i32x4.add(v2, v7), word(12, round))
    v13 = right16(v128.xor(v13, v2))
    v8 = i32x4.add(v8, v13)
    v7 = right(v128.xor(v7, v8), 12)
    v2 = i32x4.add(i32x4.add(v2, v7), word(13, round))
    v13 = right8(v128.xor(v13, v2))
    v8 = i32x4.add(v8, v13)
    v7 = right(v128.xor(v7, v8), 7)
    v3 = i32x4.add(i32x4.add(v3, v4), word(14, round))
    v14 = right16(v128.xor(v14, v3))
    v9 = i32x4.add(v9, v14)
    v4 = right(v128.xor(v4, v9), 12)
    v3 = i32x4.add(i32x4.add(v3, v4), word(15, round))
    v14 = right8(v128.xor(v14, v3))
    v9 = i32x4.add(v9, v14)
    v4 = right(v128.xor(v4, v9), 7)
  }
  v128.store(CHAIN, v128.xor(v0, v8))
  v128.store(CHAIN, v128.xor(v1, v9), 16)
  v128.store(CHAIN, v128.xor(v2, v10), 32)
  v128.store(CHAIN, v128.xor(v3, v11), 48)
  v128.store(CHAIN, v128.xor(v4, v12), 64)
  v128.store(CHAIN, v128.xor(v5, v13), 80)
  v128.store(CHAIN, v128.xor(v6, v14), 96)
  v128.store(CHAIN, v128.xor(v7, v15), 112)
}

/** Loads four words of each of four pairs, 64 bytes apart, as four vectors with a lane for each pair. */
// @ts-ignore: decorator
@inline
function transpose(from: usize, to: usize): void {
  const a = v128.load(from)
  const b = v128.load(from, 64)
  const c = v128.load(from, 128)
  const d = v128.load(from, 192)
  const ab0 = v128.shuffle<u32>(a, b, 0, 4, 1, 5)
  const ab1 = v128.shuffle<u32>(a, b, 2, 6, 3, 7)
  const cd0 = v128.shuffle<u32>(c, d, 0, 4, 1, 5)
  const cd1 = v128.shuffle<u32>(c, d, 2, 6, 3, 7)
  v128.store(to, v128.shuffle<u64>(ab0, cd0, 0, 2))
  v128.store(to, v128.shuffle<u64>(ab0, cd0, 1, 3), 16)
  v128.store(to, v128.shuffle<u64>(ab1, cd1, 0, 2), 32)
  v128.store(to, v128.shuffle<u64>(ab1, cd1, 1, 3), 48)
}

/** Writes the nodes over four pairs of hashes to `to`, 32 bytes each. */
function nodes(pairs: usize, to: usize): void {
  v128.store(CHAIN, i32x4.splat(IV0))
  v128.store(CHAIN, i32x4.splat(IV1), 16)
  v128.store(CHAIN, i32x4.splat(IV2), 32)
  v128.store(CHAIN, i32x4.splat(IV3), 48)
  v128.store(CHAIN, i32x4.splat(IV4), 64)
  v128.store(CHAIN, i32x4.splat(IV5), 80)
  v128.store(CHAIN, i32x4.splat(IV6), 96)
  v128.store(CHAIN, i32x4.splat(IV7), 112)
  for (let i: usize = 0; i < 64; i += 16) transpose(pairs - 1 + i, WORDS + (i << 2))
  const first = v128.and(v128.load(WORDS), i32x4.splat(<i32>0xffffff00))
  v128.store(WORDS, v128.or(first, i32x4.splat(NODE_PREFIX)))
  compress(64, CHUNK_START)
  memory.fill(WORDS, 0, 256)
  for (let lane: usize = 0; lane < 4; lane += 1)
    store<u32>(WORDS + (lane << 2), <u32>load<u8>(pairs + (lane << 6), 63))
  compress(1, CHUNK_END_ROOT)
  for (let lane: usize = 0; lane < 4; lane += 1)
    for (let i: usize = 0; i < 8; i += 1)
      store<u32>(to + (lane << 5) + (i << 2), load<u32>(CHAIN + (i << 4) + (lane << 2)))
}

/**
 * Replaces `count` hashes of 32 bytes at `at` by their root, in place, in the shape of RFC 9162: neighbours pair, an odd last
 * one is lifted. The 256 bytes behind them must be there: they are read and overwritten without effect.
 */
export function root(at: usize, count: usize): void {
  while (count > 1) {
    const pairs = count >> 1
    // Written behind what is read: four nodes take half of what their pairs took.
    const odd = count & 1
    const last = at + ((count - 1) << 5)
    const low = v128.load(last)
    const high = v128.load(last, 16)
    for (let p: usize = 0; p < pairs; p += 4) nodes(at + (p << 6), at + (p << 5))
    if (odd) {
      v128.store(at + (pairs << 5), low)
      v128.store(at + (pairs << 5), high, 16)
    }
    count = pairs + odd
  }
}
