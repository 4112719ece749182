/** Puts and gets over a line with delay and loss, beside the same over TLS alone. */
import type { LineCondition } from '../line/line.ts'
import { probeLine } from '../line/probe-line.ts'
import type { Row } from '../row.ts'
import { atLeast, atMost, percent, times } from '../row.ts'
import type { Setting, Transfer } from './line-pool.ts'
import type { LinePool } from './line-pool.ts'

/** 24 s of a line of 100 Mbit/s when put: what a command's start and end cost weighs as it does for people. */
const BYTES = 200e6
/** Over TLS with cubic 1 % loss leaves a tenth of the line. */
const FEW_BYTES = 25e6

interface Scene {
  readonly name: string
  readonly condition: LineCondition
  /** Share of the line that a put keeps busy. */
  readonly target: number
  /** What TLS moves where senders have cubic. */
  readonly cubicBytes: number
}

const SCENES: readonly Scene[] = [
  {
    name: '100 Mbit/s, 50 ms, 1 % loss',
    condition: { mbits: 100, rttMs: 50, loss: 0.01, seed: 1 },
    target: 0.5,
    cubicBytes: FEW_BYTES,
  },
  {
    name: '100 Mbit/s, 20 ms, no loss',
    condition: { mbits: 100, rttMs: 20, seed: 2 },
    target: 0.85,
    cubicBytes: BYTES,
  },
]

/** What a get may have on the line for a byte of contents: headers and repeats of packets, and what is asked of two holders at once. */
const CARRIED = 1.1

/** One row for each scene, direction and transport, and one for what a get moves. */
export async function transferRows(section: string, pool: LinePool): Promise<Row[]> {
  const rows: Row[] = []
  for (const scene of SCENES) {
    const run = async (how: Pick<Setting, 'transport' | 'control'>, bytes = BYTES) => {
      const transfer = await pool.transfer({ ...scene.condition, ...how, bytes })
      console.log(
        `  ${scene.name}, ${how.transport} over ${how.control}: put ${describe(transfer.put)}; get ${describe(transfer.get)}`,
      )
      return transfer
    }
    await pool.line.set(scene.condition)
    const links: string[] = []
    for (const control of ['cubic', 'bbr'] as const) {
      pool.line.setCongestionControl(control)
      const { mbits } = await probeLine(pool.line)
      links.push(`${control} ${percent(mbits / scene.condition.mbits)}`)
    }
    const cubic = await run({ transport: 'tls', control: 'cubic' }, scene.cubicBytes)
    const bbr = await run({ transport: 'tls', control: 'bbr' })
    for (const transport of ['udp', 'auto'] as const) {
      const own = await run({ transport, control: 'cubic' })
      for (const way of ['put', 'get'] as const)
        rows.push({
          section,
          name: `${way} 200 MB, ${transport}: ${scene.name}`,
          value: percent(own[way].busy),
          beside: `TLS, cubic ${percent(cubic[way].busy)}; TLS, BBR ${percent(bbr[way].busy)}; one TCP flow: ${links.join(', ')}`,
          ...(way === 'put' ? atLeast(own.put.busy, scene.target, percent(scene.target)) : {}),
          note: describe(own[way]),
        })
      const { contents, carried } = own.get
      rows.push({
        section,
        name: `bytes of a get of 200 MB, ${transport}: ${scene.name}`,
        value: `${megabytes(carried)} on the line`,
        beside: `${megabytes(contents)} of contents; TLS, cubic ${times(ratioOf(cubic.get))}; TLS, BBR ${times(ratioOf(bbr.get))}`,
        ratio: times(ratioOf(own.get)),
        ...atMost(ratioOf(own.get), CARRIED, times(CARRIED)),
      })
    }
  }
  return rows
}

function ratioOf({ carried, contents }: Transfer): number {
  return carried / contents
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}

function describe(transfer: Transfer): string {
  const { seconds, busy, useful, counted, lateMs } = transfer
  const late = lateMs < 20 ? '' : `, up to ${lateMs.toFixed(0)} ms late by load`
  return (
    `${seconds.toFixed(1)} s, line ${percent(busy)} busy, ${percent(useful)} with contents (${times(ratioOf(transfer))} their bytes), ` +
    `${counted.lost} packets lost, ${counted.dropped} dropped by the queue${late}`
  )
}
