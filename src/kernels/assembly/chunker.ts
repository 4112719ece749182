// Finds the next content-defined cut. The rule is the format of docs/spec/chunker.md.
//
// Two stages: an 8-bit filter, computed for 16 positions at once, passes one position in 256 of random data; only
// there is the 32-bit gear hash of the last 32 bytes computed. The filter is the polynomial hash
// sum over j < 8 of x^e(j) * F[byte at i-j] in GF(2^8), e = 0,2,1,3,4,6,5,7, by doubling the window three times:
//   s1[i] = F[i]  + x^2 * F[i-1]
//   s2[i] = s1[i] + x   * s1[i-2]
//   s3[i] = s2[i] + x^4 * s2[i-4]
// The exponents are in that order because x^2 comes free with the table lookup, and x is cheaper than x^4.
import { lookup } from './swizzle'

// @ts-ignore: decorator
@inline
function timesX(v: v128): v128 {
  const overflow = i8x16.lt_s(v, i8x16.splat(0))
  return v128.xor(i8x16.add(v, v), v128.and(overflow, i8x16.splat(0x1d)))
}

// @ts-ignore: decorator
@inline
function timesX4(v: v128, reduction: v128): v128 {
  const high = v128.and(i16x8.shr_u(v, 4), i8x16.splat(0x0f))
  const shifted = v128.and(i16x8.shl(v, 4), i8x16.splat(<i8>0xf0))
  return v128.xor(shifted, lookup(reduction, high))
}

// @ts-ignore: decorator
@inline
function gearAt(last: usize, gear: usize): u32 {
  let hash: u32 = 0
  for (let p = last - 31; p <= last; p += 4) {
    const bytes = load<u32>(p)
    const a = load<u32>(gear + (<usize>(bytes & 0xff) << 2))
    const b = load<u32>(gear + (<usize>((bytes >> 8) & 0xff) << 2))
    const c = load<u32>(gear + (<usize>((bytes >> 16) & 0xff) << 2))
    const d = load<u32>(gear + (<usize>(bytes >> 24) << 2))
    hash = (hash << 4) + ((a << 3) + (b << 2) + ((c << 1) + d))
  }
  return hash
}

/**
 * Looks at the bytes at from..to-1 and returns the address after the first one where the filter is zero and the gear
 * hash has no bit in common with the mask, or 0.
 *
 * The 32 bytes before `from` and the 16 from `to` on must be readable: the first belong to the windows, the second
 * are read and ignored. `gear` points to 256 u32, `filter` to five tables of 16 bytes: F for low and high nibbles,
 * the same times x^2, and x^8 times the nibble.
 */
export function scan(from: usize, to: usize, mask: u32, gear: usize, filter: usize): usize {
  const low = v128.load(filter)
  const high = v128.load(filter, 16)
  const low2 = v128.load(filter, 32)
  const high2 = v128.load(filter, 48)
  const reduction = v128.load(filter, 64)
  let before1 = i8x16.splat(0)
  let before2 = i8x16.splat(0)
  let before4 = i8x16.splat(0)
  // The block before `from` only fills the window: lanes that others need are complete from its lane 3 on.
  for (let p = from - 16; p < to; p += 16) {
    const bytes = v128.load(p)
    const lowNibbles = v128.and(bytes, i8x16.splat(0x0f))
    const highNibbles = v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(0x0f))
    const f = v128.xor(lookup(low, lowNibbles), lookup(high, highNibbles))
    const f2 = v128.xor(lookup(low2, lowNibbles), lookup(high2, highNibbles))
    const s1 = v128.xor(
      f,
      v128.shuffle<u8>(before1, f2, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30),
    )
    const s2 = v128.xor(
      s1,
      timesX(v128.shuffle<u8>(before2, s1, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29)),
    )
    const s3 = v128.xor(
      s2,
      timesX4(
        v128.shuffle<u8>(before4, s2, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27),
        reduction,
      ),
    )
    before1 = f2
    before2 = s1
    before4 = s2
    let candidates: u32 = i8x16.bitmask(i8x16.eq(s3, i8x16.splat(0)))
    if (candidates != 0 && p >= from) {
      if (to - p < 16) candidates &= (1 << <u32>(to - p)) - 1
      while (candidates != 0) {
        const last = p + ctz(candidates)
        if ((gearAt(last, gear) & mask) == 0) return last + 1
        candidates &= candidates - 1
      }
    }
  }
  return 0
}
