import type { Row } from '../row.ts'
import { atMost } from '../row.ts'
import { benchChain } from './chain.ts'
import { benchGas, perMillion } from './gas.ts'

const CHAIN = 'embedded chain'
const GAS = 'gas of the ledger'
const READY_MS = 1_000
const MAX_GGAS = 0.1

/** The embedded chain with its journal, and what each call costs on any chain. */
export async function benchLedger(): Promise<Row[]> {
  const chain = await benchChain()
  const gas = await benchGas()
  const { anchored, written } = perMillion(gas)
  return [
    ...chain.map(({ name, value, unit }) => ({
      section: CHAIN,
      name,
      value: `${value.toFixed(unit === 'MB' ? 1 : 0)} ${unit}`,
      ...(name.startsWith('ready') ? atMost(value, READY_MS, `${READY_MS} ms`) : {}),
    })),
    ...gas.map(({ name, gas: amount }) => ({ section: GAS, name, value: amount.toLocaleString('en') })),
    {
      section: GAS,
      name: 'a million operations, a head each 1,000',
      value: `${anchored.toFixed(3)} Ggas`,
      beside: `a write per file ${written.toFixed(0)} Ggas`,
      note: `${Math.round(written / anchored).toLocaleString('en')} times less`,
      ...atMost(anchored, MAX_GGAS, `${MAX_GGAS} Ggas`),
    },
  ]
}
