/**
 * `node bench/main.ts [data-path|log|chain|log-cost|end-to-end|dedup|network|all] [--size 1GiB] [--save]`: prints one table, measured in one run on this machine.
 * `--size` is the input of the data path; `--save` writes the table to RESULTS.md, beneath the others where not all was measured.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchDataPath } from './data-path/section.ts'
import { benchDedup } from './dedup/section.ts'
import { benchEndToEnd } from './end-to-end/section.ts'
import { benchLogCost } from './log-cost/section.ts'
import { describeMachine } from './machine.ts'
import { parseSize } from './parse-size.ts'
import { benchNetwork } from './network/section.ts'
import type { Row } from './row.ts'
import { saveAll, saveAlone } from './save-results.ts'
import { benchLedger } from './stages/ledger-section.ts'
import { benchLog } from './stages/log-section.ts'
import { renderTable } from './table.ts'
import { verdicts } from './verdicts.ts'

const SECTIONS = ['data-path', 'log', 'chain', 'log-cost', 'end-to-end', 'dedup', 'network'] as const
type Section = (typeof SECTIONS)[number]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string', default: '512MiB' },
    big: { type: 'string', default: '8GiB' },
    rounds: { type: 'string', default: '3' },
    save: { type: 'boolean', default: false },
  },
})

// What was begun is ended and removed at exit.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

const wanted = positionals.length === 0 || positionals.includes('all') ? SECTIONS : positionals.map(sectionOf)
const conditions = await describeMachine(import.meta.dirname)
for (const line of conditions) console.log(line)

const rows: Row[] = []
for (const section of wanted) rows.push(...(await measure(section)))
const table = renderTable(rows)
console.log(`\n${table}\n\n${verdicts(rows).join('\n')}`)

if (values.save) {
  const path = join(import.meta.dirname, 'RESULTS.md')
  if (wanted === SECTIONS) await saveAll(path, { conditions, rows })
  else await saveAlone(path, wanted, { conditions, rows })
  console.log(`\nsaved to ${path}`)
}

function sectionOf(name: string): Section {
  const section = SECTIONS.find((known) => known === name)
  if (section === undefined) throw new TypeError(`there is no section ${name}: ${SECTIONS.join(', ')}, all`)
  return section
}

async function measure(section: Section): Promise<Row[]> {
  console.log(`\nmeasuring ${section} …`)
  switch (section) {
    case 'data-path':
      return benchDataPath(parseSize(values.size))
    case 'log':
      return benchLog()
    case 'chain':
      return benchLedger()
    case 'log-cost':
      return benchLogCost(Number(values.rounds))
    case 'end-to-end':
      return benchEndToEnd({ bigBytes: parseSize(values.big), rounds: Number(values.rounds) })
    case 'dedup':
      return benchDedup()
    case 'network':
      return benchNetwork()
  }
}
