import type { Row } from './row.ts'

/** A sentence for each target: reached, or by how much not. */
export function verdicts(rows: readonly Row[]): string[] {
  return rows.flatMap((row) => {
    if (row.target === undefined || row.reached === undefined) return []
    const measured = row.ratio ?? row.value
    return [`${row.name}: ${row.reached ? 'reached' : 'NOT reached'}, ${measured} (target ${row.target})`]
  })
}
