/** Every promise of PinStore; each adapter's test calls this. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PinnedHead, Pins, PinStore } from './pin-store.ts'
import { MAX_EVIDENCE_FILES, MAX_SEEN_VERSIONS } from './pin-store.ts'

export interface PinStoreSetup {
  /** Another opener of the same home, as after a restart or in another process. */
  open(): PinStore
  /** What stands in a file of evidence. */
  evidence(name: string): Promise<Uint8Array>
  cleanUp(): Promise<void>
}

const filled = (fill: number, length = 32) => new Uint8Array(length).fill(fill)

function head(size: number, root = filled(size)): PinnedHead {
  return {
    size,
    root,
    note: Uint8Array.of(1, 2, 3),
    map: filled(9),
    time: 1_700_000_000_000,
    isWitnessed: false,
    confirmed: { time: 1_700_000_000, median: 1_700_000_000 },
    seen: 1_700_000_001,
  }
}

const first: Pins = {
  pool: filled(1),
  head: head(5),
  witnesses: [{ operator: filled(2), key: filled(3) }],
  tracker: filled(11),
  minimumSuite: 1,
  chain: { chainId: 1_337, directory: filled(4, 20), codeHash: filled(5), anchor: filled(6, 20) },
  contacts: [{ member: filled(7), seq: 2 }],
  spaces: [{ space: filled(8), epoch: 3 }],
  own: [
    {
      operation: filled(5),
      index: 4,
      time: 17,
      hash: filled(4),
      promise: filled(4, 64),
      acknowledged: 18,
      space: filled(8),
      places: [{ node: filled(1, 16), parent: filled(0, 16), isDeleted: false }],
    },
  ],
}

export function pinStoreConformance(name: string, setup: () => Promise<PinStoreSetup>): void {
  describe(`PinStore: ${name}`, () => {
    let home: PinStoreSetup

    beforeEach(async () => {
      home = await setup()
    })
    afterEach(() => home.cleanUp())

    it('starts with nothing, and keeps every pin to the byte', async () => {
      expect(await home.open().load()).toBeUndefined()
      expect(await home.open().update(() => first)).toEqual(first)
      const notice = { since: 7, size: 9, note: Uint8Array.of(1, 2) }
      const forked: Pins = {
        ...first,
        forked: { since: 5, reason: 'two histories', evidence: 'fork-1' },
        notice,
      }
      expect(await home.open().load()).toEqual(first)
      await home.open().update(() => forked)
      expect(await home.open().load()).toEqual(forked)
    })

    it('goes forwards only, whoever asks', async () => {
      await home.open().update(() => first)
      const back: ((pins: Pins) => Pins)[] = [
        (pins) => ({ ...pins, pool: filled(99) }),
        (pins) => ({ ...pins, head: head(4) }),
        (pins) => ({ ...pins, head: undefined }),
        (pins) => ({ ...pins, head: head(5, filled(77)) }),
        (pins) => ({ ...pins, minimumSuite: 0 }),
        (pins) => ({ ...pins, tracker: filled(12) }),
        (pins) => ({ ...pins, chain: undefined }),
        (pins) => ({ ...pins, chain: { ...pins.chain!, anchor: filled(0, 20) } }),
        (pins) => ({ ...pins, contacts: [{ member: filled(7), seq: 1 }] }),
        (pins) => ({ ...pins, spaces: [{ space: filled(8), epoch: 2 }] }),
      ]
      for (const change of back)
        await expect(home.open().update((pins) => change(pins!))).rejects.toMatchObject({ code: 'untrusted' })
      expect(await home.open().load()).toEqual(first)
      await home.open().update((pins) => ({ ...pins!, forked: { since: 1, reason: 'x', evidence: 'y' } }))
      const forget = home.open().update((pins) => ({ ...pins!, forked: undefined }))
      await expect(forget).rejects.toMatchObject({ code: 'untrusted' })
    })

    it('updates one at a time', async () => {
      await home.open().update(() => first)
      const stores = [home.open(), home.open(), home.open()]
      await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          stores[i % 3]!.update((pins) => ({
            ...pins!,
            spaces: [{ space: filled(8), epoch: pins!.spaces[0]!.epoch + 1 }],
          })),
        ),
      )
      expect((await home.open().load())!.spaces[0]!.epoch).toBe(15)
    })

    it('raises seen versions, never lowers them, and keeps the latest', async () => {
      const node = (i: number) => {
        const bytes = new Uint8Array(16)
        new DataView(bytes.buffer).setUint32(0, i)
        return bytes
      }
      await home.open().see([
        { node: node(1), version: 3 },
        { node: node(2), version: 2 ** 40 },
      ])
      await home.open().see([{ node: node(1), version: 2 }])
      expect(await home.open().seen()).toEqual([
        { node: node(1), version: 3 },
        { node: node(2), version: 2 ** 40 },
      ])
      await home
        .open()
        .see(Array.from({ length: MAX_SEEN_VERSIONS }, (_, i) => ({ node: node(i + 2), version: 7 })))
      const seen = await home.open().seen()
      expect(seen).toHaveLength(MAX_SEEN_VERSIONS)
      expect(seen.some((item) => item.node.every((byte, i) => byte === node(1)[i]))).toBe(false)
    })

    it('keeps the first evidence of a name, and says when it keeps no more', async () => {
      const kept = []
      for (let i = 0; i < MAX_EVIDENCE_FILES; i++)
        kept.push(await home.open().saveEvidence('mistrust', Uint8Array.of(i)))
      expect(await home.open().saveEvidence('mistrust', Uint8Array.of(99))).toMatch(/not kept/)
      expect([...(await home.evidence(kept[0]!))]).toEqual([0])
      // A proven fork has room of its own.
      expect([...(await home.evidence(await home.open().saveEvidence('fork', Uint8Array.of(7))))]).toEqual([
        7,
      ])
    })

    it('keeps all evidence', async () => {
      const one = await home.open().saveEvidence('fork', Uint8Array.of(1))
      const two = await home.open().saveEvidence('fork', Uint8Array.of(2))
      expect(one).not.toBe(two)
      expect([...(await home.evidence(one))]).toEqual([1])
      expect([...(await home.evidence(two))]).toEqual([2])
    })
  })
}
