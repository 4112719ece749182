import type { Row } from './row.ts'

const HEAD = ['what', 'value', 'beside', 'ratio', 'target', 'reached', 'note']

function cells(row: Row): string[] {
  const reached = row.reached === undefined ? '' : row.reached ? 'yes' : 'NO'
  return [row.name, row.value, row.beside ?? '', row.ratio ?? '', row.target ?? '', reached, row.note ?? '']
}

/** A Markdown table with aligned columns, a line in bold where a section begins; readable on a terminal too. */
export function renderTable(rows: readonly Row[]): string {
  const lines: string[][] = []
  let section = ''
  for (const row of rows) {
    if (row.section !== section) lines.push([`**${row.section}**`, '', '', '', '', '', ''])
    section = row.section
    lines.push(cells(row))
  }
  const widths = HEAD.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i]!.length)))
  const render = (line: readonly string[]) =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  return [
    render(HEAD),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...lines.map(render),
  ].join('\n')
}
