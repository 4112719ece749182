import type { Command } from 'commander'
import { HomeFolder } from '../../node/home-folder.ts'
import type { LineSettings } from '../../node/network/line-settings.ts'
import { lineOf, readLineSettings, rememberLineSettings } from '../../node/network/line-settings.ts'
import type { RunCommand } from '../context.ts'
import { namesLimit } from '../options/limit-options.ts'
import { limitsPlain, limitText } from '../text/limit-text.ts'

export function registerLimits(program: Command, run: RunCommand): void {
  program
    .command('limits')
    .summary('what your commands may move over the line: shown, or set with --limit-up and --limit-down')
    .description(
      'Shows what this home remembers, and what holds at the moment. With --limit-up, --limit-down or --limit-lan it\n' +
        'remembers that for all further commands. Providers and trackers remember their own: start them with the same options.',
    )
    .action(
      run(async ({ output, home, line }) => {
        const { path } = await HomeFolder.open(home)
        const settings = namesLimit(line)
          ? await rememberLineSettings(path, line.options)
          : await readLineSettings(path)
        const limits = lineOf(settings)
        output.result({ remembered: settings, now: limitsPlain(limits) }, [
          settingsText(settings),
          `At the moment: ${limitText(limits) ?? 'no limit'}.`,
        ])
      }),
    )
}

function settingsText({ up = 'off', down = 'off', lan = false }: LineSettings): string {
  return `Up: ${up}. Down: ${down}. ${lan ? 'In the local network too.' : 'Not in the local network.'}`
}
