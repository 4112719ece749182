import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { toHex } from '../../core/open/bytes.ts'
import { putJournalConformance } from '../../ports/put-journal.conformance.ts'
import { decodeJournal, encodeJournalRecord } from './journal-record.ts'
import { NodePutJournal } from './node-put-journal.ts'

const RUNS = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)
const job = new Uint8Array(32).fill(1)

function temporaryFolder(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-journal-'))
}

putJournalConformance('node:fs', async () => {
  const folder = temporaryFolder()
  return {
    open: () => new NodePutJournal(folder),
    cleanUp: async () => fs.rmSync(folder, { recursive: true }),
  }
})

describe('the put journal on disk', () => {
  it('drops a torn tail wherever it was cut, keeps what was before, and takes new records after it', async () => {
    const folder = temporaryFolder()
    onTestFinished(() => fs.rmSync(folder, { recursive: true }))
    const log = path.join(folder, toHex(job), 'log')
    const journal = new NodePutJournal(folder)
    const first = await journal.open(job)
    first.commitFiles([{ path: '/a', fingerprint: '1' }])
    const kept = fs.statSync(log).size
    first.commitFiles([{ path: '/b', fingerprint: '2' }])
    await first.close()
    const whole = fs.readFileSync(log)
    for (let cut = kept; cut < whole.length; cut++) {
      fs.writeFileSync(log, whole.subarray(0, cut))
      const torn = await journal.open(job)
      expect([...torn.committed.keys()]).toEqual(['/a'])
      torn.commitFiles([{ path: '/c', fingerprint: '3' }])
      await torn.close()
      const again = await journal.open(job)
      expect([...again.committed.keys()]).toEqual(['/a', '/c'])
      await again.close()
    }
  })

  it('removes jobs that nobody took up for a month, except one that is held', async () => {
    const folder = temporaryFolder()
    onTestFinished(() => fs.rmSync(folder, { recursive: true }))
    const journal = new NodePutJournal(folder)
    const jobs = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill))
    const open = await Promise.all(jobs.map((each) => journal.open(each)))
    await open[0]!.close()
    await open[2]!.close()
    const old = new Date(Date.now() - 40 * 24 * 3_600_000)
    for (const each of jobs.slice(0, 2)) fs.utimesSync(path.join(folder, toHex(each), 'log'), old, old)
    await (await journal.open(new Uint8Array(32).fill(4))).finish()
    expect(fs.readdirSync(folder).filter((name) => name !== 'lock')).toEqual(jobs.slice(1).map(toHex))
    await open[1]!.close()
  })

  it('fuzz: any bytes give the records of a whole prefix', () => {
    const good = Buffer.concat([
      encodeJournalRecord({ seal: new Uint8Array(32) }),
      encodeJournalRecord({ commit: [['/a', '1']] }),
      encodeJournalRecord({ plan: [new Uint8Array(32), [new Uint8Array(64), new Uint8Array(0)]] }),
    ])
    const damaged = fc
      .tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(good.length))
      .map(([at, flip, cut]) => {
        const bytes = Uint8Array.from(good)
        bytes[at]! ^= flip
        return bytes.subarray(0, cut)
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        const { records, end } = decodeJournal(bytes)
        const again = Buffer.concat(records.map((record) => encodeJournalRecord(record)))
        expect(Buffer.compare(again, bytes.subarray(0, end))).toBe(0)
      }),
      { numRuns: RUNS },
    )
  })
})
