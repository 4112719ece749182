import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ShardSpaces } from './shard-spaces.ts'

export interface ShardSpacesUnderTest {
  /** Opens the same ones again after `close`. */
  open(): ShardSpaces
  /** Leaves nothing behind. */
  cleanUp(): void
}

const id = (value: number) => new Uint8Array(32).fill(value)

/** Registers the tests of every promise that a store of shards' spaces makes. */
export function shardSpacesConformance(name: string, setup: () => ShardSpacesUnderTest): void {
  describe(name, () => {
    let under: ShardSpacesUnderTest
    let spaces: ShardSpaces
    beforeEach(() => {
      under = setup()
      spaces = under.open()
    })
    afterEach(() => {
      spaces.close()
      under.cleanUp()
    })

    it('knows what was added, to each space by itself, also after it was opened again', () => {
      spaces.add(id(1), id(101), 7)
      spaces.add(id(1), id(101), 7)
      spaces.add(id(1), id(102), 7)
      spaces.add(id(2), id(102), 0)
      for (const again of [false, true]) {
        if (again) {
          spaces.close()
          spaces = under.open()
        }
        expect(
          [1, 2, 3].map((shard) => [101, 102, 103].map((space) => spaces.has(id(shard), id(space)))),
        ).toEqual([
          [true, true, false],
          [false, true, false],
          [false, false, false],
        ])
      }
    })

    it('forgets shards, known or not', () => {
      for (const shard of [1, 2, 3]) spaces.add(id(shard), id(101), 7)
      spaces.forget([id(1), id(3), id(9)])
      spaces.forget([id(1)])
      spaces.forget([])
      expect([1, 2, 3].map((shard) => spaces.has(id(shard), id(101)))).toEqual([false, true, false])
      spaces.add(id(1), id(102), 7)
      expect(spaces.has(id(1), id(101))).toBe(false)
      expect(spaces.has(id(1), id(102))).toBe(true)
    })

    it('knows of which stripes something is here, until the last of it is gone', () => {
      expect(spaces.stripes()).toEqual([])
      spaces.add(id(1), id(101), 255)
      spaces.add(id(1), id(101), 255)
      spaces.add(id(2), id(101), 255)
      spaces.add(id(2), id(102), 0)
      spaces.add(id(3), id(102), 9)
      expect(spaces.stripes()).toEqual([0, 9, 255])
      spaces.forget([id(2), id(2), id(4)])
      expect(spaces.stripes()).toEqual([9, 255])
      spaces.close()
      spaces = under.open()
      expect(spaces.stripes()).toEqual([9, 255])
      spaces.forget([id(1), id(3)])
      expect(spaces.stripes()).toEqual([])
    })
  })
}
