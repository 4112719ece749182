import type { Command } from 'commander'
import type { Waiting } from '../../../client/fetch/patience.ts'
import type { Output } from '../text/output.ts'
import { printable } from '../text/printable.ts'
import type { ProgressBar } from '../text/progress-bar.ts'
import { wholeNumber } from './whole-number.ts'

export interface ProviderWaitOptions {
  /** Seconds. */
  readonly wait?: number
}

/** `--wait` for commands that read. */
export function addProviderWait(command: Command): Command {
  return command.option(
    '--wait <seconds>',
    'how long to wait for providers that were there less than that ago, as long as nothing comes; by default 60, 0 to know at once',
    wholeNumber,
  )
}

/** What a read is given: how long it waits, and what says so once for each set of providers. */
export function providerWait(
  { wait }: ProviderWaitOptions,
  output: Pick<Output, 'note'>,
  bar?: Pick<ProgressBar, 'end'>,
): { readonly waitMs?: number; readonly onWaiting: (waiting: Waiting) => void } {
  let told = ''
  return {
    ...(wait === undefined ? {} : { waitMs: wait * 1_000 }),
    onWaiting({ providers, leftMs }) {
      const names = providers.join(', ')
      if (names === told) return
      told = names
      bar?.end()
      output.note(
        `allmend: waiting for ${printable(names)} to come back: there a moment ago, and needed; ` +
          `gives up in ${Math.ceil(leftMs / 1_000)} s`,
      )
    },
  }
}
