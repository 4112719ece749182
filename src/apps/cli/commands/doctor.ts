import type { Command } from 'commander'
import { nodeRandom } from '../../../adapters/native/node-random.ts'
import { parsePeerAddress } from '../../../core/open/peer-address.ts'
import type { Finding } from '../../doctor/diagnose.ts'
import { diagnose } from '../../doctor/diagnose.ts'
import { HomeFolder } from '../../node/home-folder.ts'
import { NetworkBook } from '../../node/network-book.ts'
import type { RunCommand } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { printable } from '../printable.ts'

const SIGNS: Readonly<Record<Finding['result'], string>> = {
  ok: 'ok     ',
  warning: 'warning',
  problem: 'PROBLEM',
}

export function registerDoctor(program: Command, run: RunCommand): void {
  program
    .command('doctor')
    .summary("what is wrong with this machine's connection to the pool, and what to do")
    .description(
      'Looks at name, port, key and clock of the tracker, at UDP, at the NAT that this machine is behind, and at relays. Needs no\n' +
        'passphrase. Exit code 1 where the pool can’t be used from here.',
    )
    .action(
      run(async ({ output, home, setExitCode }) => {
        const folder = await HomeFolder.open(home)
        const { tracker } = await folder.config()
        const book = await NetworkBook.open(folder.network)
        const findings: Finding[] = []
        const patient = { tracker, book, seed: nodeRandom.bytes(32), now: () => Date.now() }
        for await (const finding of diagnose(patient)) {
          findings.push(finding)
          output.item(finding, line(finding))
        }
        if (!isUsable(findings, tracker.address)) setExitCode(EXIT.failed)
      }),
    )
}

function line({ result, found, advice }: Finding): string {
  const first = `${SIGNS[result]}  ${printable(found)}`
  return advice === undefined ? first : `${first}\n         ${printable(advice)}`
}

/** Whether the tracker answers one way, and nothing is a problem in itself. */
function isUsable(findings: readonly Finding[], address: string): boolean {
  const { tls, udp } = parsePeerAddress(address)
  const answers = findings.some(
    ({ check, result }) =>
      result === 'ok' &&
      ((tls !== undefined && check === 'tls') || (udp !== undefined && check === 'tracker-udp')),
  )
  return answers && findings.every(({ result }) => result !== 'problem')
}
