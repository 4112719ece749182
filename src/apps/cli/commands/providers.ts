import type { Command } from 'commander'
import type { ProviderShare } from '../../../client/log/provider-shares.ts'
import { providerShares } from '../../../client/log/provider-shares.ts'
import { askChain } from '../ask-chain.ts'
import { formatBytes } from '../byte-size.ts'
import type { ChainUrlOption } from '../chain-options.ts'
import { ASK_CHAIN_URL, namedChainUrl } from '../chain-options.ts'
import type { RunCommand } from '../context.ts'
import { printable } from '../printable.ts'

export function registerProviders(program: Command, run: RunCommand): void {
  program
    .command('providers')
    .summary('capacity, weight and share of placements of each provider')
    .option(...ASK_CHAIN_URL)
    .action(
      run(async (context, options: ChainUrlOption) => {
        const { output } = context
        const url = namedChainUrl(options.chainUrl)
        const { shares, chainAsked } = await context.withClient(async (client) => {
          const held = await askChain(context, client, url, (ledger) => ledger.providers())
          return { shares: await providerShares(client, held), chainAsked: held !== undefined }
        }, options)
        output.result({ source: chainAsked ? 'chain' : 'tracker', providers: shares }, shareLines(shares))
      }),
    )
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`

function shareLines(shares: readonly ProviderShare[]): string[] {
  const rows = [
    ['provider', 'state', 'used', 'capacity', 'weight', 'expected', 'actual'],
    ...shares.map(({ name, state, used, capacity, weight, expected, actual }) => [
      printable(name),
      state,
      formatBytes(used),
      formatBytes(capacity),
      String(weight),
      percent(expected),
      percent(actual),
    ]),
  ]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
}
