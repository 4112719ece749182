import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toHex } from '../core/open/bytes.ts'
import { ConflictError } from '../core/open/errors.ts'
import type { LogStore } from './log-store.ts'

export interface LogStoreUnderTest {
  open(): LogStore
  /** Leaves nothing behind. */
  cleanUp(): void
}

const bytes = (...values: number[]) => Uint8Array.from(values)
const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

/** Registers the tests of every promise that a log store makes. */
export function logStoreConformance(name: string, setup: () => LogStoreUnderTest): void {
  describe(name, () => {
    let under: LogStoreUnderTest
    let store: LogStore
    beforeEach(() => {
      under = setup()
      store = under.open()
    })
    afterEach(() => {
      store.close()
      under.cleanUp()
    })
    const reopen = (): void => {
      store.close()
      store = under.open()
    }

    it('is empty at first', () => {
      store.read((storage) => {
        expect(storage.saved()).toBeUndefined()
        expect(storage.leafCount()).toBe(0)
        expect(storage.leaf(0)).toBeUndefined()
        expect(storage.leaves(0, 10)).toEqual([])
        expect(storage.tile(0, 0)).toBeUndefined()
        expect(storage.page(bytes())).toBeUndefined()
        expect(storage.row(bytes(1))).toBeUndefined()
        expect(storage.checkpoint()).toBeUndefined()
        expect(storage.checkpointAt(0)).toBeUndefined()
      })
    })

    it('keeps leaves in their order, without gaps or doubles', () => {
      const leaf = (i: number) => ({ leaf: bytes(i, 1), touches: bytes(i, 2) })
      store.write((storage) => [0, 1, 2].forEach((i) => storage.putLeaf(i, leaf(i))))
      for (const index of [0, 2, 4, -1])
        expect(() => store.write((storage) => storage.putLeaf(index, leaf(9)))).toThrow(ConflictError)
      reopen()
      store.read((storage) => {
        expect(storage.leafCount()).toBe(3)
        expect(toHex(storage.leaf(1)!.leaf)).toBe('0101')
        expect(toHex(storage.leaf(1)!.touches)).toBe('0102')
        expect(storage.leaves(1, 10).map(toHex)).toEqual(['0101', '0201'])
        expect(storage.leaves(0, 2).map(toHex)).toEqual(['0001', '0101'])
        expect(storage.leaves(3, 2)).toEqual([])
      })
    })

    it('replaces tiles, pages and rows, and drops pages without bytes', () => {
      const long = filled(31, 255)
      store.write((storage) => {
        storage.putTiles([
          { level: 0, index: 0, hashes: filled(32, 1) },
          { level: 1, index: 0, hashes: filled(32, 2) },
          { level: 0, index: 2 ** 40, hashes: filled(32, 3) },
        ])
        storage.putPages([
          { prefix: bytes(), bytes: filled(10, 1) },
          { prefix: bytes(0), bytes: filled(10, 2) },
          { prefix: long, bytes: filled(10, 3) },
        ])
        storage.putRows([
          { key: bytes(1), value: bytes(1) },
          { key: bytes(1, 0), value: bytes(2) },
        ])
      })
      store.write((storage) => {
        storage.putTiles([{ level: 0, index: 0, hashes: filled(64, 9) }])
        storage.putPages([
          { prefix: bytes(0), bytes: undefined },
          { prefix: bytes(7), bytes: undefined },
          { prefix: bytes(), bytes: filled(3, 4) },
        ])
        storage.putRows([{ key: bytes(1), value: bytes() }])
      })
      reopen()
      store.read((storage) => {
        expect(toHex(storage.tile(0, 0)!)).toBe(toHex(filled(64, 9)))
        expect(toHex(storage.tile(1, 0)!)).toBe(toHex(filled(32, 2)))
        expect(toHex(storage.tile(0, 2 ** 40)!)).toBe(toHex(filled(32, 3)))
        expect(storage.tile(0, 1)).toBeUndefined()
        expect(toHex(storage.page(bytes())!)).toBe(toHex(filled(3, 4)))
        expect(storage.page(bytes(0))).toBeUndefined()
        expect(toHex(storage.page(long)!)).toBe(toHex(filled(10, 3)))
        expect(storage.row(bytes(1))!.length).toBe(0)
        expect(toHex(storage.row(bytes(1, 0))!)).toBe('02')
      })
    })

    it('keeps how far it reaches, and checkpoints by size', () => {
      store.write((storage) => {
        storage.putSaved({ tree: 1, map: 0, top: bytes(), time: 5 })
        storage.putSaved({ tree: 7, map: 3, top: bytes(1, 2), time: 2 ** 45 })
        for (const size of [1, 3, 7]) storage.putCheckpoint(size, bytes(size))
        storage.putCheckpoint(3, bytes(33))
      })
      reopen()
      store.write((storage) => {
        const { tree, map, top, time } = storage.saved()!
        expect([tree, map, toHex(top), time]).toEqual([7, 3, '0102', 2 ** 45])
        expect(toHex(storage.checkpoint()!)).toBe('07')
        expect(toHex(storage.checkpointAt(3)!)).toBe('21')
        expect(storage.checkpointAt(2)).toBeUndefined()
        storage.dropCheckpointsBefore(7)
        expect(storage.checkpointAt(3)).toBeUndefined()
        expect(toHex(storage.checkpoint()!)).toBe('07')
      })
    })

    it('takes all of a transaction or nothing', () => {
      store.write((storage) => storage.putRows([{ key: bytes(1), value: bytes(1) }]))
      const work = () =>
        store.write((storage) => {
          storage.putRows([{ key: bytes(1), value: bytes(2) }])
          storage.putLeaf(0, { leaf: bytes(1), touches: bytes() })
          storage.putTiles([{ level: 0, index: 0, hashes: filled(32, 1) }])
          storage.putCheckpoint(1, bytes(1))
          throw new Error('undone')
        })
      expect(work).toThrow('undone')
      store.read((storage) => {
        expect(toHex(storage.row(bytes(1))!)).toBe('01')
        expect(storage.leafCount()).toBe(0)
        expect(storage.tile(0, 0)).toBeUndefined()
        expect(storage.checkpoint()).toBeUndefined()
      })
    })
  })
}
