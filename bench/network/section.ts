import { lineMissing } from '../line/line.ts'
import type { Row } from '../row.ts'
import { discoveryRows } from './discovery.ts'
import { LinePool } from './line-pool.ts'
import { longPathRows } from './long-path.ts'
import { requestRows } from './requests.ts'
import { transferRows } from './transfers.ts'

const SECTION = 'network'

/** Transfers and requests over a line with delay and loss (needs root, `ip` and Go), and discovery among many nodes. */
export async function benchNetwork(): Promise<Row[]> {
  return [...(await overLine()), ...(await discoveryRows(SECTION))]
}

async function overLine(): Promise<Row[]> {
  const missing = lineMissing()
  if (missing !== undefined)
    return [{ section: SECTION, name: 'over a line with delay and loss', value: 'skipped', note: missing }]
  const pool = await LinePool.open()
  try {
    return [
      ...(await requestRows(SECTION, pool.line)),
      ...(await transferRows(SECTION, pool)),
      ...(await longPathRows(SECTION, pool.line)),
    ]
  } finally {
    await pool.close()
  }
}
