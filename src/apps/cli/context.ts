/** What every command gets from the command line, and how it runs. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { Client } from '../../client/client.ts'
import { openClient } from '../node/open-client.ts'
import type { TransportMode } from '../node/network/transport-mode.ts'
import { parseTransportMode } from '../node/network/transport-mode.ts'
import type { AskedLine } from '../node/network/line-settings.ts'
import type { ChainUrlOption } from './options/chain-options.ts'
import { namedChainUrl } from './options/chain-options.ts'
import type { LimitOptions } from './options/limit-options.ts'
import { askedLine } from './options/limit-options.ts'
import type { Output } from './text/output.ts'
import { createOutput } from './text/output.ts'
import { readSecret } from './secrets.ts'
import { tellOfWaiting } from './text/waiting.ts'

export interface GlobalOptions extends LimitOptions {
  readonly home?: string
  readonly json?: boolean
  readonly passphraseFile?: string
  readonly stale?: boolean
  readonly transport?: string
  /** Seconds. */
  readonly trackerWait?: number
}

/** Whoever waits longer at a terminal is told for what. */
const SLOW_MS = 2_000

export interface WithClientOptions extends ChainUrlOption {
  /** The command's work counts whatever providers say of the log. */
  readonly goesOn?: boolean
  /** How long to wait for a tracker that is away, ms, unless --tracker-wait says it; by default the client's own. */
  readonly trackerWaitMs?: number
}

export interface CommandContext {
  readonly output: Output
  /** The member's home folder. */
  readonly home: string
  readonly passphraseFile: string | undefined
  /** Which ways to connect, where the command line or the environment says it. */
  readonly transport: TransportMode | undefined
  /** What may be moved over the line, where the command line or the environment says it. */
  readonly line: AskedLine
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** Sets the exit code of a command that did part of its work. */
  setExitCode(code: number): void
  /** Opens the member's client for `use` and closes it afterwards. */
  withClient<T>(use: (client: Client) => Promise<T>, options?: WithClientOptions): Promise<T>
}

export function commandContext(command: Command, signal: AbortSignal): CommandContext {
  const options = command.optsWithGlobals<GlobalOptions>()
  const home = options.home ?? (process.env['ALLMEND_HOME'] || join(homedir(), '.allmend'))
  const output = createOutput(options.json === true)
  const named = options.transport ?? (process.env['ALLMEND_TRANSPORT'] || undefined)
  const transport = named === undefined ? undefined : parseTransportMode(named)
  const { trackerWait } = options
  const line = askedLine(options)
  return {
    output,
    home,
    passphraseFile: options.passphraseFile,
    transport,
    line,
    signal,
    setExitCode(code) {
      process.exitCode = code
    },
    async withClient(use, { chainUrl, goesOn = false, trackerWaitMs } = {}) {
      const client = await openClient({
        home,
        acceptStale: options.stale === true,
        chainUrl: namedChainUrl(chainUrl),
        transport,
        line,
        trackerWaitMs: trackerWait === undefined ? trackerWaitMs : trackerWait * 1_000,
        passphrase: () =>
          readSecret({ what: 'Passphrase', file: options.passphraseFile, variable: 'ALLMEND_PASSPHRASE' }),
      })
      const slow = setTimeout(() => {
        if (!client.tracker.hasAnswered) tellOfWaiting(output.json, client.tracker.address)
      }, SLOW_MS)
      try {
        const result = await use(client)
        if (!goesOn) await client.heard.settled()
        for (const notice of [client.log.notice(), await client.reading.notice()])
          if (notice !== undefined) output.note(notice)
        return result
      } finally {
        clearTimeout(slow)
        await client.close()
      }
    },
  }
}

/** Wraps a command's work for commander, whose last two arguments are the options and the command. */
export type RunCommand = <A extends unknown[]>(
  work: (context: CommandContext, ...args: A) => Promise<void>,
) => (...args: [...A, Command]) => Promise<void>
