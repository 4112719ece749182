import type { Command } from 'commander'
import type { PlacementCheck, PlacementState } from '../../../client/log/ledger/check-placements.ts'
import { checkPlacements } from '../../../client/log/ledger/check-placements.ts'
import { askChain } from '../ask-chain.ts'
import type { ChainUrlOption } from '../options/chain-options.ts'
import { ASK_CHAIN_URL, namedChainUrl } from '../options/chain-options.ts'
import { count } from '../text/count.ts'
import type { RunCommand } from '../context.ts'
import { countingNumber } from '../options/whole-number.ts'

const DEFAULT_SAMPLE = 100

interface PlacementOptions extends ChainUrlOption {
  readonly sample: number
}

export function registerLedgerPlacements(ledger: Command, run: RunCommand): void {
  ledger
    .command('placements')
    .summary('recomputes where stripes of yours were placed, from the ledger’s weights at that block')
    .option('--sample <stripes>', 'how many stripes, drawn at random', countingNumber, DEFAULT_SAMPLE)
    .option(...ASK_CHAIN_URL)
    .action(
      run(async (context, options: PlacementOptions) => {
        const { sample } = options
        const { fault, ...found } = await context.withClient(
          async (client) =>
            (await askChain(context, client, namedChainUrl(options.chainUrl), (chain) =>
              checkPlacements(client, chain, sample),
            )) ?? checkPlacements(client, undefined, sample),
          options,
        )
        context.output.result(found, placementLines(found))
        if (fault !== undefined) throw fault
      }),
    )
}

const WORDS: Readonly<Record<PlacementState, string>> = {
  drawn: 'as the ledger draws them',
  wrong: 'NOT as the ledger draws them',
  'by-reports': 'drawn from the providers’ reports, before the ledger had enough of them',
  unchecked: 'unchecked',
  unrecorded: 'placed before draws were recorded',
}

function placementLines({ placements, stripes }: Omit<PlacementCheck, 'fault'>): string[] {
  const of = (state: PlacementState) => placements.filter((one) => one.state === state)
  const [unchecked] = of('unchecked')
  const skipped = (why: keyof (typeof placements)[number]['skipped']) =>
    placements.reduce((sum, one) => sum + one.skipped[why], 0)
  const replaced = placements.reduce((sum, one) => sum + one.replaced, 0)
  return [
    `${placements.length} of ${count(stripes, 'stripe')}:`,
    ...(Object.keys(WORDS) as PlacementState[])
      .filter((state) => of(state).length > 0)
      .map(
        (state) =>
          `  ${of(state).length} ${WORDS[state]}${state === 'unchecked' ? `: ${unchecked?.why ?? ''}` : ''}`,
      ),
    ...of('wrong').map(({ stripe, why }) => `wrong: ${stripe}: ${why ?? ''}`),
    `left out of their draws: ${skipped('down')} down, ${skipped('full')} full, ${skipped('excluded')} excluded; ` +
      `${count(replaced, 'shard')} placed anew`,
  ]
}
