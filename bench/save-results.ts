/** RESULTS.md: what one run of everything measured, and beneath it sections that were measured alone since. */
import { readFile, writeFile } from 'node:fs/promises'
import type { Row } from './row.ts'
import { renderTable } from './table.ts'
import { verdicts } from './verdicts.ts'

export interface Results {
  /** Of the machine and the time. */
  readonly conditions: readonly string[]
  readonly rows: readonly Row[]
}

const INTRODUCTION = 'Written by `npm run bench -- --save`; what is measured and how stands in README.md.'

/** Replaces everything. */
export async function saveAll(path: string, results: Results): Promise<void> {
  await writeFile(path, `# Results\n\n${INTRODUCTION}\n\n${render(results, '##')}`)
}

/** Replaces what these sections gave when they were measured alone before. */
export async function saveAlone(path: string, sections: readonly string[], results: Results): Promise<void> {
  const heading = `## ${sections.join(', ')}, measured alone\n`
  const before = await readFile(path, 'utf8')
  const begin = before.indexOf(heading)
  const end = begin < 0 ? -1 : before.indexOf('\n## ', begin + heading.length)
  const kept = begin < 0 ? before : before.slice(0, begin) + (end < 0 ? '' : before.slice(end + 1))
  await writeFile(path, `${kept.trimEnd()}\n\n${heading}\n${render(results, '###')}`)
}

function render({ conditions, rows }: Results, level: string): string {
  return `${list(conditions)}\n\n${renderTable(rows)}\n\n${level} Targets\n\n${list(verdicts(rows))}\n`
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n')
}
