import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { compressible } from './compressible.ts'

/** The same noise at every run: SHA-256 in counter mode. */
function noise(length: number, seed: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256').update(`${seed}:${i}`).digest(),
  )
  return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
}

const text = new TextEncoder().encode('All work and no play makes Jack a dull boy. '.repeat(6_000))

test('noise of any length is not worth an attempt', () => {
  for (const length of [0, 1, 63, 1_000, 4_096, 4_097, 65_536, 1_048_576])
    for (let seed = 0; seed < 20; seed++)
      expect(compressible(noise(length, seed)), `${length}, ${seed}`).toBe(false)
})

test('text, base64, tables of numbers and zeros are', () => {
  const numbers = new Uint8Array(Uint32Array.from({ length: 20_000 }, (_, i) => i * 7).buffer)
  const base64 = new TextEncoder().encode(Buffer.from(noise(60_000, 1)).toString('base64'))
  for (const bytes of [text, text.subarray(0, 100), numbers, base64, new Uint8Array(70_000)])
    expect(compressible(bytes)).toBe(true)
})

test('one sample of text among noise is enough, text that no sample meets is missed', () => {
  const chunk = noise(65_536, 1)
  chunk.set(text.subarray(0, 1_024), 65_536 - 1_024)
  expect(compressible(chunk)).toBe(true)
  const unseen = noise(65_536, 1)
  unseen.set(text.subarray(0, 16_000), 2_048)
  expect(compressible(unseen)).toBe(false)
})
