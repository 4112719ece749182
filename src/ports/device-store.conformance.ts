/** Every promise of DeviceStore; each adapter's test calls this. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DeviceStore, PendingOperation } from './device-store.ts'

export interface DeviceStoreSetup {
  /** Another opener of the same home, as after a restart or in another process. */
  open(): DeviceStore
  cleanUp(): Promise<void>
}

const op = (fill: number) => new Uint8Array(32).fill(fill)

const pending: PendingOperation = {
  counter: 1,
  body: Uint8Array.of(1, 2, 3),
  signature: new Uint8Array(64).fill(7),
  changes: [Uint8Array.of(4), new Uint8Array(0), Uint8Array.of(5, 6)],
}

export function deviceStoreConformance(name: string, setup: () => Promise<DeviceStoreSetup>): void {
  describe(`DeviceStore: ${name}`, () => {
    let home: DeviceStoreSetup

    beforeEach(async () => {
      home = await setup()
    })
    afterEach(() => home.cleanUp())

    it('starts without an operation', async () => {
      expect(await home.open().load()).toEqual({ counter: 0, prevOp: op(0) })
    })

    it('keeps a pending operation to the byte, and forgets it once committed', async () => {
      const store = home.open()
      await store.savePending(pending)
      const loaded = await home.open().load()
      expect(loaded.counter).toBe(0)
      expect(loaded.pending).toEqual(pending)
      await home.open().saveCommitted(1, op(9))
      expect(await home.open().load()).toEqual({ counter: 1, prevOp: op(9) })
    })

    it('keeps what is committed when a later operation is refused', async () => {
      const store = home.open()
      await store.saveCommitted(4, op(4))
      await store.savePending({ ...pending, counter: 5 })
      await store.dropPending()
      await store.dropPending()
      expect(await home.open().load()).toEqual({ counter: 4, prevOp: op(4) })
    })

    it('runs exclusive sections one at a time, whoever opened the store', async () => {
      const stores = [home.open(), home.open(), home.open()]
      let inside = 0
      let most = 0
      const order: number[] = []
      await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          stores[i % 3]!.exclusive(async () => {
            most = Math.max(most, ++inside)
            await new Promise((resolve) => setImmediate(resolve))
            order.push(i)
            inside--
          }),
        ),
      )
      expect(most).toBe(1)
      expect(order).toHaveLength(12)
    })

    it('frees the section when it throws', async () => {
      const store = home.open()
      const broken = store.exclusive(() => Promise.reject(new Error('inside')))
      await expect(broken).rejects.toThrow('inside')
      expect(await home.open().exclusive(async () => 'next')).toBe('next')
    })
  })
}
