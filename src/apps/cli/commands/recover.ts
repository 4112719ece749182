import type { Command } from 'commander'
import { UsageError } from '../../../core/open/errors.ts'
import { parseJoinToken } from '../../../core/open/peers/join-token.ts'
import { fromHex } from '../../../core/open/bytes.ts'
import { findTracker } from '../../node/network/find-tracker.ts'
import { recoverHome } from '../../node/make-home.ts'
import type { RecoverHomeOptions } from '../../node/make-home.ts'
import { BOOTSTRAP } from '../options/bootstrap-option.ts'
import { claimLines } from '../text/claim-lines.ts'
import type { RunCommand } from '../context.ts'
import { readNewPassphrase, readPhrase } from '../secrets.ts'

interface Options {
  readonly tracker: string
  readonly bootstrap?: readonly string[]
  readonly phraseFile?: string
  readonly unattended?: boolean
}

export function registerRecover(program: Command, run: RunCommand): void {
  program
    .command('recover')
    .summary('make your home on this machine from your 24 words')
    .requiredOption(
      '--tracker <address>',
      'any token of the pool, or <host:port>#<id> as `allmend whoami` shows it on a living device',
    )
    .option(...BOOTSTRAP)
    .option(
      '--phrase-file <file>',
      'read the 24 words from this file; else from ALLMEND_PHRASE or standard input',
    )
    .option(
      '--unattended',
      'keep the key of the keystore in a file beside it instead of asking for a passphrase',
    )
    .action(
      run(async ({ output, home, passphraseFile, transport, line }, options: Options) => {
        const known = parseTracker(options.tracker)
        const nodes = options.bootstrap ?? []
        const address = await findTracker({ ...known, nodes, mode: transport ?? 'auto' })
        const tracker = { ...known, address }
        const phrase = await readPhrase(options.phraseFile)
        const protection =
          options.unattended === true ? 'unattended' : { passphrase: await readNewPassphrase(passphraseFile) }
        const made = await recoverHome({ home, tracker, phrase, protection, transport, limits: line.options })
        output.result({ ...made, home }, [
          `You are ${made.name}; your home is ${home}.`,
          ...claimLines(made.claim),
        ])
      }),
    )
}

function parseTracker(text: string): RecoverHomeOptions['tracker'] {
  const [, address, id] = /^([^#]+)#([0-9a-f]{64})$/.exec(text.trim()) ?? []
  const peerId = id === undefined ? undefined : fromHex(id)
  if (address !== undefined && peerId !== undefined) return { address, peerId }
  try {
    return parseJoinToken(text)
  } catch (cause) {
    throw new UsageError(
      'the tracker is a token of the pool, or host:port#id with 64 hexadecimal digits',
      {},
      { cause },
    )
  }
}
