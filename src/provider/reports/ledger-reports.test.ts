import { expect, test } from 'vitest'
import { ManualClock } from '../../../test/fixtures/manual-clock.ts'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import { UNIT_BYTES } from '../../core/open/placement/provider-weight.ts'
import type { SigningDomain } from '../../ports/ledger-chain.ts'
import type { ReportBody } from './ledger-reports.ts'
import { LedgerReports } from './ledger-reports.ts'

const DAY = 24 * 3_600
const amounts = { capacity: 10 * UNIT_BYTES + 5, used: 3 * UNIT_BYTES - 1 }
const domain = { chainId: 7, contract: new Uint8Array(20).fill(9) }

function make(clock = new ManualClock()) {
  const signed: [SigningDomain, ReportBody][] = []
  const reports = new LedgerReports({
    id: seedOf('provider'),
    clock,
    sign: async (to, body) => {
      signed.push([to, body])
      return new Uint8Array(65).fill(signed.length)
    },
  })
  return { reports, signed, seconds: () => Math.floor(clock.now() / 1_000), clock }
}

test('what is asked for is signed in whole units, and sent until it is acknowledged', async () => {
  const { reports, signed, seconds } = make()
  expect(reports.pending()).toBeUndefined()
  await reports.answer({ ...domain, seq: 4 }, amounts)
  const body = { capacity: 10, used: 2, seq: seconds() }
  expect(signed).toEqual([[domain, { id: seedOf('provider'), ...body }]])
  const sent = reports.pending()
  expect(sent).toEqual({ ...body, signature: new Uint8Array(65).fill(1) })
  await reports.answer({ ...domain, seq: 4 }, amounts)
  reports.acknowledge(sent)
  expect(reports.pending()?.seq).toBe(seconds() + 1)
})

test('seq rises with time, within a second, after a restart and with a clock that was set back', async () => {
  const { reports, signed, clock } = make()
  const seqs = () => signed.map(([, { seq }]) => seq)
  const start = Math.floor(clock.now() / 1_000)
  await reports.answer({ ...domain, seq: 0 }, amounts)
  await reports.answer({ ...domain, seq: 0 }, amounts)
  clock.advance(60_000)
  await reports.answer({ ...domain, seq: 0 }, amounts)
  expect(seqs()).toEqual([start, start + 1, start + 60])
  const restarted = make(new ManualClock((start - 100) * 1_000))
  await restarted.reports.answer({ ...domain, seq: start + 60 }, amounts)
  expect(restarted.signed[0]![1].seq).toBe(start + 61)
})

test('a tracker can’t have all seqs used up', async () => {
  const { reports, signed, seconds } = make()
  await reports.answer({ ...domain, seq: 2 ** 32 - 2 }, amounts)
  expect(signed[0]![1].seq).toBe(seconds() + DAY)
})
