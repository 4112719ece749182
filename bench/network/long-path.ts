/** A long fat path over UDP, whose streams have a window of 4 MiB each: one connection beside several. */
import { besideFar, runNear } from '../line/far-process.ts'
import type { Line } from '../line/line.ts'
import type { Row } from '../row.ts'
import { perSecond } from '../row.ts'
import type { BulkRate } from './bulk-near.ts'
import { REQUEST_PORT } from './requests.ts'

const CONDITION = { mbits: 1000, rttMs: 100, seed: 4 }
const SECONDS = 8

export async function longPathRows(section: string, line: Line): Promise<Row[]> {
  await line.set(CONDITION)
  const { outward: before } = await line.counters()
  const rates = await besideFar(
    line,
    new URL('request-far.ts', import.meta.url),
    [line.publicHost('far'), String(REQUEST_PORT)],
    (told) => runNear<BulkRate[]>(line, new URL('bulk-near.ts', import.meta.url), [told, String(SECONDS)]),
  )
  const { outward: after } = await line.counters()
  const [one, ...several] = rates
  const name = 'UDP over 1 Gbit/s, 100 ms: one connection'
  if (after.overrun > before.overrun)
    return [{ section, name, value: 'skipped', note: 'this machine cannot carry a line so fast' }]
  const beside = several.map(
    ({ connections, megabytesPerSecond }) => `${connections} connections ${perSecond(megabytesPerSecond)}`,
  )
  const note = `bodies of 4 MiB; ${after.dropped - before.dropped} packets dropped by the queue, up to ${(after.lateUs / 1000).toFixed(0)} ms late by load`
  return [{ section, name, value: perSecond(one!.megabytesPerSecond), beside: beside.join(', '), note }]
}
