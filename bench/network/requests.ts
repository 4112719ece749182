/** What a small request over a standing connection takes, in round trips of the line. */
import { besideFar, runNear } from '../line/far-process.ts'
import type { Line } from '../line/line.ts'
import type { Row } from '../row.ts'
import { atMost } from '../row.ts'
import type { RequestTimes } from './request-near.ts'

const RTT_MS = 50
const REQUESTS = 300
const TARGET = 1.2
export const REQUEST_PORT = 7000

export async function requestRows(section: string, line: Line): Promise<Row[]> {
  const rows: Row[] = []
  const far = new URL('request-far.ts', import.meta.url)
  const near = new URL('request-near.ts', import.meta.url)
  for (const loss of [0, 0.01]) {
    await line.set({ mbits: 100, rttMs: RTT_MS, loss, seed: 3 })
    const asked = await besideFar(line, far, [line.publicHost('far'), String(REQUEST_PORT)], (told) =>
      runNear<RequestTimes>(line, near, [told, String(REQUESTS)]),
    )
    for (const transport of ['tls', 'udp'] as const) {
      const at = (share: number): number => asked[transport][Math.floor(REQUESTS * share)]! / RTT_MS
      const [median, p95] = [at(0.5), at(0.95)]
      rows.push({
        section,
        name: `1 KiB request, ${transport}: ${RTT_MS} ms, ${loss === 0 ? 'no' : `${loss * 100} %`} loss`,
        value: `p95 ${p95.toFixed(2)} round trips`,
        ...atMost(p95, TARGET, `${TARGET} round trips`),
        note: `median ${median.toFixed(2)}, p99 ${at(0.99).toFixed(2)}, of ${REQUESTS}, one after the other`,
      })
    }
  }
  return rows
}
