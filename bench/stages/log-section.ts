import type { Row } from '../row.ts'
import { atLeast } from '../row.ts'
import { measureAdmission } from './log-admission.ts'
import { measureLogMap } from './log-map.ts'
import { measureLogTree } from './log-tree.ts'

const SECTION = 'log and map, one thread'
const APPENDS = 50_000
const PROOFS = 5_000

const each = (rate: number): string => `${Math.round(rate).toLocaleString('en')}/s`

/** The tree alone, the map at `keys` keys, and entries through all of it. */
export function benchLog(keys = 1_000_000): Row[] {
  const tree = measureLogTree()
  const map = measureLogMap(keys)
  const runs = Array.from({ length: 3 }, () => measureAdmission())
  const best = (pick: (run: (typeof runs)[number]) => number): number => Math.max(...runs.map(pick))
  const row = (name: string, value: string, more: Partial<Row> = {}): Row => ({
    section: SECTION,
    name,
    value,
    ...more,
  })
  return [
    row('tree: appends of 400 bytes', each(tree.appends), atLeast(tree.appends, APPENDS, each(APPENDS))),
    row('tree: inclusion, made and verified', each(tree.proofs), atLeast(tree.proofs, PROOFS, each(PROOFS))),
    row('tree: consistency, made and verified', each(tree.consistencies)),
    row(`map of ${keys.toLocaleString('en')} keys: updates`, each(map.updates), {
      note: `a root each 1,000; ${Math.round(map.storedBytes / keys)} bytes stored a key`,
    }),
    row('map: points, made and verified', each(map.points), { note: `at most ${map.proofBytes} bytes` }),
    row('map: children listed completely', each(map.listed)),
    row('files admitted: verified, mapped, stored', each(best(({ admitted }) => admitted))),
    row('files witnessed: replayed, mapped, stored', each(best(({ witnessed }) => witnessed))),
  ]
}
