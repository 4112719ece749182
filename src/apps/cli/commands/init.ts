import { userInfo } from 'node:os'
import type { Command } from 'commander'
import { UsageError } from '../../../core/open/errors.ts'
import { tokenToJoin } from '../../node/network/find-tracker.ts'
import { joinHome } from '../../node/make-home.ts'
import { readIfThere, writePrivateFile } from '../../node/private-file.ts'
import { BOOTSTRAP } from '../options/bootstrap-option.ts'
import { claimLines } from '../text/claim-lines.ts'
import type { RunCommand } from '../context.ts'
import { readNewPassphrase, readSecret } from '../secrets.ts'

/** An inviter may be asleep; the same command goes on later. */
const WAIT_MS = 10 * 60_000

interface Options {
  readonly join?: string
  readonly bootstrap?: readonly string[]
  readonly name?: string
  readonly phraseFile?: string
  readonly unattended?: boolean
}

export function registerInit(program: Command, run: RunCommand): void {
  program
    .command('init')
    .summary("make a member's home: found a pool or join one")
    .description(
      'Founds the pool of a new tracker or joins one with an invite, and makes your home on this machine.\n' +
        'Shows the 24 words from which everything of yours can be recovered: once, so write them down.',
    )
    .option(
      '--join <token>',
      'the token of the tracker or of who invited you; else from ALLMEND_JOIN or standard input',
    )
    .option(...BOOTSTRAP)
    .option('--name <name>', 'your name in the pool: 3 to 32 of a-z, 0-9 and hyphens')
    .option('--phrase-file <file>', 'write the 24 words to this file (0600) instead of showing them')
    .option(
      '--unattended',
      'keep the key of the keystore in a file beside it instead of asking for a passphrase',
    )
    .action(
      run(async ({ output, home, passphraseFile, transport, line }, options: Options) => {
        const invite = options.join ?? (await readSecret({ what: 'Token', variable: 'ALLMEND_JOIN' }))
        const nodes = options.bootstrap ?? []
        const token = await tokenToJoin(invite, { nodes, mode: transport ?? 'auto' })
        const { phraseFile } = options
        const earlier = phraseFile === undefined ? undefined : await readIfThere(phraseFile)
        if (phraseFile === undefined && output.json)
          throw new UsageError('with --json, say where the 24 words go: --phrase-file <file>')
        const protection =
          options.unattended === true ? 'unattended' : { passphrase: await readNewPassphrase(passphraseFile) }
        const made = await joinHome({
          home,
          token,
          name: options.name ?? defaultName(),
          protection,
          transport,
          limits: line.options,
          ...(earlier === undefined ? {} : { phrase: earlier.toString('utf8') }),
          async keepPhrase(phrase) {
            if (phraseFile === undefined) output.note(phraseText(phrase))
            else if (earlier === undefined) await writePrivateFile(phraseFile, `${phrase}\n`)
          },
          waitMs: WAIT_MS,
          onWaiting: () =>
            output.note('Waiting to be admitted: who invited you runs `allmend member admit` now.'),
        })
        output.result({ ...made, home }, [
          `You are ${made.name} in the pool now; your home is ${home}.`,
          ...(phraseFile === undefined
            ? []
            : [`Your 24 words are in ${phraseFile}: keep them somewhere else.`]),
          ...claimLines(made.claim),
        ])
      }),
    )
}

function defaultName(): string {
  const name = userInfo()
    .username.toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, 32)
  if (name.length < 3) throw new UsageError('say what you are called in the pool: --name <name>')
  return name
}

function phraseText(phrase: string): string {
  const words = phrase.split(' ').map((word, i) => `${String(i + 1).padStart(2)} ${word.padEnd(9)}`)
  const rows = [0, 6, 12, 18].map((from) => `  ${words.slice(from, from + 6).join(' ')}`)
  return ['Your 24 words. Write them down now, they are not shown again:', '', ...rows, ''].join('\n')
}
