import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { allocateBytes, freeBytes } from './free-bytes.ts'

const SHARD = 4 * 1024 * 1024

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

describe('allocateBytes', () => {
  it('gives exactly the length that was asked for', () => {
    for (const length of [0, 1, 1024 * 1024, SHARD, 2 * SHARD])
      expect(allocateBytes(length).length).toBe(length)
  })

  it('never gives the same memory to two owners, nor leaves the old one a view', () => {
    const first = Array.from({ length: 20 }, () => allocateBytes(SHARD))
    for (const [i, bytes] of first.entries()) bytes.fill(i)
    for (const [i, bytes] of first.entries()) expect(bytes.every((byte) => byte === i)).toBe(true)
    const part = first[0]!.subarray(10, 20)
    for (const bytes of first) {
      freeBytes(bytes)
      freeBytes(bytes)
    }
    expect(part.length).toBe(0)
    expect(first.every((bytes) => bytes.length === 0)).toBe(true)
    const second = Array.from({ length: 20 }, () => allocateBytes(SHARD))
    expect(new Set(second.map(({ buffer }) => buffer)).size).toBe(20)
    for (const bytes of second) freeBytes(bytes)
  })

  it('lets go what was kept for a busy moment, not what is in use all the time', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const inUse = (): number => {
      // What other tests have dropped would go in between.
      collect()
      return process.memoryUsage().arrayBuffers
    }
    const some = (count: number) => Array.from({ length: count }, () => allocateBytes(SHARD))
    const often = (): void => {
      for (let i = 0; i < 600; i++) some(2).forEach(freeBytes)
    }
    often()
    const before = inUse()
    some(8).forEach(freeBytes)
    expect(inUse() - before).toBeGreaterThan(5 * SHARD)
    often()
    expect(Math.abs(inUse() - before)).toBeLessThan(SHARD)
    // Two are still kept: nothing new is made for them.
    const steady = some(2)
    expect(Math.abs(inUse() - before)).toBeLessThan(SHARD)
    steady.forEach(freeBytes)
  })

  it('takes memory back through a part of it', () => {
    const bytes = allocateBytes(SHARD)
    freeBytes(bytes.subarray(5, 6))
    expect(bytes.length).toBe(0)
  })
})
