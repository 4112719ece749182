import type { Command } from 'commander'
import type {
  LedgerAmounts,
  ProviderShare,
  ReportedAmounts,
} from '../../../client/log/ledger/provider-shares.ts'
import { providerShares } from '../../../client/log/ledger/provider-shares.ts'
import { formatAge } from '../text/age.ts'
import { aligned } from '../text/aligned.ts'
import { askChain } from '../ask-chain.ts'
import { formatBytes } from '../text/byte-size.ts'
import type { ChainUrlOption } from '../options/chain-options.ts'
import { ASK_CHAIN_URL, namedChainUrl } from '../options/chain-options.ts'
import type { RunCommand } from '../context.ts'
import { printable } from '../text/printable.ts'

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
        output.result(
          { source: chainAsked ? 'chain' : 'tracker', providers: shares },
          shareLines(shares, chainAsked),
        )
      }),
    )
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`

const HEADINGS = [
  'provider',
  'state',
  'reported used',
  'of',
  'ago',
  'in ledger used',
  'of',
  'ago',
  'weight',
  'expected',
  'actual',
]

function shareLines(shares: readonly ProviderShare[], chainAsked: boolean): string[] {
  const rows = [
    HEADINGS,
    ...shares.map(({ name, state, reported, ledger, weight, expected, actual }) => [
      printable(name),
      state,
      ...amounts(reported),
      ...amounts(ledger),
      String(weight),
      percent(expected),
      percent(actual),
    ]),
  ]
  const remark = chainAsked
    ? 'The ledger takes a report in when the capacity changed, use by more than 2 % of that, or the weight by more than 2 %.'
    : 'Weights are by what providers report.'
  return [...aligned(rows), remark]
}

/** What is used, of how much, and how old that is. */
function amounts(of: ReportedAmounts | LedgerAmounts | undefined): string[] {
  if (of === undefined) return ['-', '-', '-']
  return [formatBytes(of.used), formatBytes(of.capacity), of.ago === undefined ? '-' : formatAge(of.ago)]
}
