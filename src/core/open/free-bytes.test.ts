import { describe, expect, it } from 'vitest'
import { freeBytes } from './free-bytes.ts'

describe('freeBytes', () => {
  it('empties a buffer of its own, also through a view of most of it', () => {
    const whole = new Uint8Array(8192)
    freeBytes(whole)
    expect(whole.length).toBe(0)
    const buffer = new ArrayBuffer(8192)
    freeBytes(new Uint8Array(buffer, 100))
    expect(buffer.detached).toBe(true)
  })

  it('leaves alone what may be a cut from a pool, what is small, and what is empty already', () => {
    const pool = new Uint8Array(65_536)
    freeBytes(pool.subarray(0, 32_768))
    expect(pool.length).toBe(65_536)
    const small = new Uint8Array(100)
    freeBytes(small)
    expect(small.length).toBe(100)
    freeBytes(pool)
    expect(() => freeBytes(pool)).not.toThrow()
  })
})
