/** Every promise of PutJournal; each adapter's test calls this. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PutJournal } from './put-journal.ts'

export interface PutJournalSetup {
  /** Another opener of the same journal, as after a restart or in another process. */
  open(): PutJournal
  cleanUp(): Promise<void>
}

const id = (fill: number) => new Uint8Array(32).fill(fill)
const job = id(1)

export function putJournalConformance(name: string, setup: () => Promise<PutJournalSetup>): void {
  describe(`PutJournal: ${name}`, () => {
    let home: PutJournalSetup

    beforeEach(async () => {
      home = await setup()
    })
    afterEach(() => home.cleanUp())

    it('gives back plans in order, less what was sealed, and files with their newest fingerprint', async () => {
      const first = await home.open().open(job)
      expect(first.planned).toEqual([])
      expect(first.committed.size).toBe(0)
      first.planStripe({ stripe: id(2), shards: [[id(20), id(21)], [id(22)], []] })
      first.planStripe({ stripe: id(3), shards: [[id(30)]] })
      first.planStripe({ stripe: id(4), shards: [[id(40)]] })
      first.sealStripe(id(3))
      first.commitFiles([
        { path: '/a', fingerprint: '1' },
        { path: '/\u00e9', fingerprint: '2' },
      ])
      first.commitFiles([{ path: '/a', fingerprint: '3' }])
      expect(first.planned.map((plan) => plan.stripe)).toEqual([id(2), id(4)])
      await first.close()

      const second = await home.open().open(job)
      expect(second.planned).toEqual([
        { stripe: id(2), shards: [[id(20), id(21)], [id(22)], []] },
        { stripe: id(4), shards: [[id(40)]] },
      ])
      expect([...second.committed]).toEqual([
        ['/a', '3'],
        ['/\u00e9', '2'],
      ])
      await second.close()
    })

    it('keeps jobs apart, and forgets one that is finished', async () => {
      const journal = home.open()
      const one = await journal.open(id(1))
      const two = await journal.open(id(2))
      one.commitFiles([{ path: '/one', fingerprint: '1' }])
      two.commitFiles([{ path: '/two', fingerprint: '2' }])
      await one.finish()
      await two.close()
      const again = [await journal.open(id(1)), await journal.open(id(2))]
      expect(again.map((open) => [...open.committed.keys()])).toEqual([[], ['/two']])
      for (const open of again) await open.close()
    })

    it('lets one holder have a job at a time', async () => {
      const held = await home.open().open(job)
      await expect(home.open().open(job)).rejects.toMatchObject({ code: 'conflict' })
      await held.close()
      await (await home.open().open(job)).finish()
      await (await home.open().open(job)).close()
    })

    it('takes 10,000 files in one call', async () => {
      const open = await home.open().open(job)
      open.commitFiles(Array.from({ length: 10_000 }, (_, i) => ({ path: `/f${i}`, fingerprint: `${i}` })))
      await open.close()
      const again = await home.open().open(job)
      expect(again.committed.size).toBe(10_000)
      expect(again.committed.get('/f9999')).toBe('9999')
      await again.close()
    })
  })
}
