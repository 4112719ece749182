import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../open/bytes.ts'
import { UsageError } from '../open/errors.ts'
import { blobHeader, gearTable, spaceDedupKeys } from './dedup-keys.ts'

const secret = new Uint8Array(randomBytes(32))
const space = new Uint8Array(randomBytes(32))

test('a gear table has 256 different values, keyed by secret and epoch', () => {
  const table = gearTable(primitives, secret, 0)
  expect(table).toHaveLength(256)
  expect(new Set(table).size).toBeGreaterThan(254)
  expect([...gearTable(primitives, secret, 0)]).toEqual([...table])
  expect([...gearTable(primitives, secret, 1)]).not.toEqual([...table])
  expect([...gearTable(primitives, new Uint8Array(randomBytes(32)), 0)]).not.toEqual([...table])
})

test('a header names suite, type, domain and epoch', () => {
  const header = blobHeader(primitives, space, 1)
  expect(header).toHaveLength(18)
  expect([header[0], header[1]]).toEqual([1, 0x42])
  expect(toHex(blobHeader(primitives, space, 2))).not.toBe(toHex(header))
  expect(toHex(blobHeader(primitives, secret, 1))).not.toBe(toHex(header))
})

test('secrets and domains have 32 bytes, epochs count from 0', () => {
  expect(() => spaceDedupKeys(primitives, secret.subarray(1), space, 0)).toThrow(UsageError)
  expect(() => spaceDedupKeys(primitives, secret, space.subarray(1), 0)).toThrow(UsageError)
  for (const epoch of [-1, 0.5, 2 ** 53])
    expect(() => blobHeader(primitives, space, epoch)).toThrow(UsageError)
  expect(() => gearTable(primitives, new Uint8Array(16), 0)).toThrow(UsageError)
})
