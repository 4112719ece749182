// Matrices over GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d) and the code's generator: docs/spec/erasure-code.md.
// Scalar and small: they are made once for a scheme or a pattern of losses; the bytes go through the kernel.
import { multiplyBytes } from '../../../kernels/reed-solomon-kernel.ts'

/** Row by row. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly values: Uint8Array
}

const PRODUCTS = new Uint8Array(65_536)
const INVERSES = new Uint8Array(256)
for (let a = 0; a < 256; a += 1)
  for (let b = 0; b < 256; b += 1) {
    const product = multiplyBytes(a, b)
    PRODUCTS[a * 256 + b] = product
    if (product === 1) INVERSES[a] = b
  }

export function at(matrix: Matrix, row: number, column: number): number {
  return matrix.values[row * matrix.columns + column]!
}

/** The given rows, in that order. */
export function selectRows(matrix: Matrix, rows: readonly number[]): Matrix {
  const values = new Uint8Array(rows.length * matrix.columns)
  rows.forEach((row, index) => {
    values.set(
      matrix.values.subarray(row * matrix.columns, (row + 1) * matrix.columns),
      index * matrix.columns,
    )
  })
  return { rows: rows.length, columns: matrix.columns, values }
}

export function multiply(left: Matrix, right: Matrix): Matrix {
  const values = new Uint8Array(left.rows * right.columns)
  for (let row = 0; row < left.rows; row += 1)
    for (let column = 0; column < right.columns; column += 1) {
      let sum = 0
      for (let inner = 0; inner < left.columns; inner += 1)
        sum ^= PRODUCTS[at(left, row, inner) * 256 + at(right, inner, column)]!
      values[row * right.columns + column] = sum
    }
  return { rows: left.rows, columns: right.columns, values }
}

/** The inverse of a square matrix by Gauss-Jordan elimination; throws a RangeError where there is none. */
export function invert(matrix: Matrix): Matrix {
  const size = matrix.rows
  const left = Uint8Array.from(matrix.values)
  const values = new Uint8Array(size * size)
  for (let row = 0; row < size; row += 1) values[row * size + row] = 1

  for (let pivot = 0; pivot < size; pivot += 1) {
    let row = pivot
    while (row < size && left[row * size + pivot] === 0) row += 1
    if (row === size) throw new RangeError('the matrix has no inverse')
    const inverse = INVERSES[left[row * size + pivot]!]!
    for (const half of [left, values]) {
      const top = half.slice(row * size, (row + 1) * size)
      half.copyWithin(row * size, pivot * size, (pivot + 1) * size)
      half.set(
        top.map((value) => PRODUCTS[inverse * 256 + value]!),
        pivot * size,
      )
    }
    for (let other = 0; other < size; other += 1) {
      const factor = left[other * size + pivot]!
      if (other === pivot || factor === 0) continue
      for (const half of [left, values])
        for (let column = 0; column < size; column += 1)
          half[other * size + column]! ^= PRODUCTS[factor * 256 + half[pivot * size + column]!]!
    }
  }
  return { rows: size, columns: size, values }
}

/** V[row][column] = row to the power of column in the field, 0^0 = 1. */
function vandermonde(rows: number, columns: number): Matrix {
  const values = new Uint8Array(rows * columns)
  for (let row = 0; row < rows; row += 1) {
    let power = 1
    for (let column = 0; column < columns; column += 1) {
      values[row * columns + column] = power
      power = PRODUCTS[power * 256 + row]!
    }
  }
  return { rows, columns, values }
}

/** n rows, k columns: the identity above the parity rows. Any k of its rows have an inverse. */
export function generatorMatrix(k: number, n: number): Matrix {
  const all = vandermonde(n, k)
  return multiply(
    all,
    invert(
      selectRows(
        all,
        Array.from({ length: k }, (_, row) => row),
      ),
    ),
  )
}
