import type { Command } from 'commander'
import { nodeRandom } from '../../../adapters/native/node-random.ts'
import type { Finding } from '../../doctor/finding.ts'
import { diagnose } from '../../doctor/diagnose.ts'
import { HomeFolder } from '../../node/home-folder.ts'
import { NetworkBook } from '../../node/network/network-book.ts'
import type { RunCommand } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { printable } from '../text/printable.ts'
import { showWaiting } from '../text/waiting.ts'

const SIGNS: Readonly<Record<Finding['result'], string>> = {
  ok: 'ok     ',
  warning: 'warning',
  problem: 'PROBLEM',
}
const INDENT = ' '.repeat(9)
/** Longer lines are hard to read. */
const MAX_WIDTH = 100
const MIN_WIDTH = 30

export function registerDoctor(program: Command, run: RunCommand): void {
  program
    .command('doctor')
    .summary("what is wrong with this machine's connection to the pool, and what to do")
    .description(
      'Looks at name, port, key and clock of the tracker, at UDP, at the router that this machine is behind, and at relays. Needs no\n' +
        'passphrase. Exit code 1 where the pool can’t be used from here.',
    )
    .action(
      run(async ({ output, home, transport, setExitCode }) => {
        const folder = await HomeFolder.open(home)
        const { tracker, transport: remembered = 'auto' } = await folder.config()
        const patient = {
          tracker,
          book: await NetworkBook.open(folder.network),
          mode: transport ?? remembered,
          seed: nodeRandom.bytes(32),
          now: () => Date.now(),
        }
        const wait = (): (() => void) => showWaiting(output.json, 'looking …')
        let done = wait()
        try {
          for await (const finding of diagnose(patient)) {
            done()
            output.item(finding, line(finding))
            if (finding.result === 'problem') setExitCode(EXIT.failed)
            done = wait()
          }
        } finally {
          done()
        }
      }),
    )
}

function line({ result, found, advice }: Finding): string {
  const first = `${SIGNS[result]}  ${printable(found)}`
  if (advice === undefined) return first
  return [first, ...wrapped(printable(advice)).map((text) => `${INDENT}${text}`)].join('\n')
}

/** Lines of whole words. */
function wrapped(text: string): string[] {
  const columns = Math.min(MAX_WIDTH, process.stdout.columns || MAX_WIDTH)
  const width = Math.max(MIN_WIDTH, columns - INDENT.length)
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
