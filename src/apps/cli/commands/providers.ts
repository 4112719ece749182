import type { Command } from 'commander'
import type { ProviderShare } from '../../../client/log/provider-shares.ts'
import { providerShares } from '../../../client/log/provider-shares.ts'
import { withChain } from '../../node/chain-heads.ts'
import { formatBytes } from '../byte-size.ts'
import type { RunCommand } from '../context.ts'
import { pinnedChain } from '../pinned-chain.ts'
import { printable } from '../printable.ts'

export function registerProviders(program: Command, run: RunCommand): void {
  program
    .command('providers')
    .summary('capacity, weight and share of placements of each provider')
    .option(
      '--chain-url <url>',
      'asks the contracts themselves (default: ALLMEND_CHAIN_URL); else the tracker',
    )
    .action(
      run(async ({ output, withClient }, options: { chainUrl?: string }) => {
        const url = options.chainUrl ?? (process.env['ALLMEND_CHAIN_URL'] || undefined)
        const shares = await withClient(async (client) => {
          if (url === undefined) return providerShares(client)
          const chain = await pinnedChain(client)
          const onChain = await withChain(url, client.identity.pool, chain, (ledger) => ledger.providers())
          return providerShares(client, onChain)
        })
        output.result(
          { source: url === undefined ? 'tracker' : 'chain', providers: shares },
          shareLines(shares),
        )
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
