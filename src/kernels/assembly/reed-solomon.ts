// Multiplies a matrix over GF(2^8) with shards: output[r] = sum over c of matrix[r][c] * input[c].
//
// A product is two lookups in tables of 16: of the low nibble and of the high nibble. Four outputs and inputs meet at
// a time (2 by 2), because their 8 tables are what fits beside the rest into 16 vector registers. The columns are
// taken in pieces that stay in the first-level cache while all inputs pass over them.
import { lookup } from './swizzle'

const PIECE: usize = 4096

// @ts-ignore: decorator
@inline
function product(tableLow: v128, tableHigh: v128, low: v128, high: v128): v128 {
  return v128.xor(lookup(tableLow, low), lookup(tableHigh, high))
}

// @ts-ignore: decorator
@inline
function add22(a: usize, b: usize, out0: usize, out1: usize, t: usize, u: usize, length: usize, first: bool): void {
  const t0 = v128.load(table(t))
  const t1 = v128.load(table(t), 16)
  const t2 = v128.load(table(t + 1))
  const t3 = v128.load(table(t + 1), 16)
  const u0 = v128.load(table(u))
  const u1 = v128.load(table(u), 16)
  const u2 = v128.load(table(u + 1))
  const u3 = v128.load(table(u + 1), 16)
  for (let i: usize = 0; i < length; i += 16) {
    const x = v128.load(a + i)
    const y = v128.load(b + i)
    const xl = v128.and(x, i8x16.splat(0x0f))
    const yl = v128.and(y, i8x16.splat(0x0f))
    const xh = v128.and(i16x8.shr_u(x, 4), i8x16.splat(0x0f))
    const yh = v128.and(i16x8.shr_u(y, 4), i8x16.splat(0x0f))
    let p = v128.xor(product(t0, t1, xl, xh), product(t2, t3, yl, yh))
    let q = v128.xor(product(u0, u1, xl, xh), product(u2, u3, yl, yh))
    if (!first) {
      p = v128.xor(p, v128.load(out0 + i))
      q = v128.xor(q, v128.load(out1 + i))
    }
    v128.store(out0 + i, p)
    v128.store(out1 + i, q)
  }
}

// @ts-ignore: decorator
@inline
function add21(a: usize, b: usize, out: usize, t: usize, length: usize, first: bool): void {
  const t0 = v128.load(table(t))
  const t1 = v128.load(table(t), 16)
  const t2 = v128.load(table(t + 1))
  const t3 = v128.load(table(t + 1), 16)
  for (let i: usize = 0; i < length; i += 16) {
    const x = v128.load(a + i)
    const y = v128.load(b + i)
    const xl = v128.and(x, i8x16.splat(0x0f))
    const yl = v128.and(y, i8x16.splat(0x0f))
    const xh = v128.and(i16x8.shr_u(x, 4), i8x16.splat(0x0f))
    const yh = v128.and(i16x8.shr_u(y, 4), i8x16.splat(0x0f))
    let p = v128.xor(product(t0, t1, xl, xh), product(t2, t3, yl, yh))
    if (!first) p = v128.xor(p, v128.load(out + i))
    v128.store(out + i, p)
  }
}

// @ts-ignore: decorator
@inline
function add11(a: usize, out: usize, t: usize, length: usize, first: bool): void {
  const t0 = v128.load(table(t))
  const t1 = v128.load(table(t), 16)
  for (let i: usize = 0; i < length; i += 16) {
    const x = v128.load(a + i)
    let p = product(t0, t1, v128.and(x, i8x16.splat(0x0f)), v128.and(i16x8.shr_u(x, 4), i8x16.splat(0x0f)))
    if (!first) p = v128.xor(p, v128.load(out + i))
    v128.store(out + i, p)
  }
}

let tables: usize = 0

// @ts-ignore: decorator
@inline
function table(coefficient: usize): usize {
  return tables + (<usize>load<u8>(coefficient) << 5)
}

/**
 * `tables` points to 256 pairs of 16-byte tables (coefficient times low nibble, times high nibble), `matrix` to rows *
 * columns coefficients, row by row. Input and output shards lie `stride` bytes apart, `length` is a multiple of 16.
 */
export function multiply(
  tablesAt: usize,
  matrix: usize,
  rows: usize,
  columns: usize,
  input: usize,
  output: usize,
  stride: usize,
  length: usize,
): void {
  tables = tablesAt
  for (let at: usize = 0; at < length; at += PIECE) {
    const piece = min(PIECE, length - at)
    for (let r: usize = 0; r < rows; r += 2) {
      const out0 = output + r * stride + at
      const row0 = matrix + r * columns
      const pair = r + 1 < rows
      let c: usize = 0
      for (; c + 1 < columns; c += 2) {
        const a = input + c * stride + at
        const b = a + stride
        if (pair) {
          if (c == 0) add22(a, b, out0, out0 + stride, row0 + c, row0 + columns + c, piece, true)
          else add22(a, b, out0, out0 + stride, row0 + c, row0 + columns + c, piece, false)
        } else if (c == 0) add21(a, b, out0, row0 + c, piece, true)
        else add21(a, b, out0, row0 + c, piece, false)
      }
      if (c < columns) {
        const a = input + c * stride + at
        add11(a, out0, row0 + c, piece, c == 0)
        if (pair) add11(a, out0 + stride, row0 + columns + c, piece, c == 0)
      }
    }
  }
}
