import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import * as fs from 'node:fs/promises'
import type { Command } from 'commander'
import type { LogVerdict } from '../../../client/log/audit/audit-log.ts'
import type { LogEvent } from '../../../client/log/audit/log-history.ts'
import { logHistory } from '../../../client/log/audit/log-history.ts'
import type { Hasher } from '../../../client/log/audit/log-bundle.ts'
import { readBundle } from '../../../client/log/audit/log-bundle.ts'
import { exportLog, verifyBundle, verifyLog } from '../../../client/log/audit/verify-log.ts'
import { NotFoundError, UsageError } from '../../../core/open/errors.ts'
import { poolIdOf } from '../../../core/open/objects/identity.ts'
import { fileError } from '../../../adapters/files/file-error.ts'
import { NodePinStore } from '../../../adapters/files/node-pin-store.ts'
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import { readChainHeads, withChain } from '../../node/chain-heads.ts'
import { HomeFolder } from '../../node/home-folder.ts'
import { holdAgainstPins } from '../../node/hold-against-pins.ts'
import type { CommandContext, RunCommand } from '../context.ts'
import { askChain } from '../ask-chain.ts'
import { formatBytes } from '../text/byte-size.ts'
import { count } from '../text/count.ts'
import type { ChainUrlOption } from '../options/chain-options.ts'
import { ASK_CHAIN_URL, namedChainUrl } from '../options/chain-options.ts'
import { printable } from '../text/printable.ts'
import { verdictLines } from '../text/verdict-lines.ts'

export function registerLog(program: Command, run: RunCommand): void {
  const log = program
    .command('log')
    .summary('who did what when, from the verified log')
    .argument('[path]', 'only this remote file or folder, and what is below')
    .option('--since <time>', 'an ISO time, or a span like 90s, 30m, 12h, 7d')
    .action(
      run(async ({ output, withClient }, path: string | undefined, options: { since?: string }) => {
        const since = options.since === undefined ? undefined : parseSince(options.since)
        const events = await withClient((client) => logHistory(client, { path, since }))
        for (const event of events)
          output.item({ ...event, time: new Date(event.time).toISOString() }, eventLine(event))
      }),
    )

  log
    .command('export')
    .summary('the whole log in one file that anybody can check')
    .argument('<file>')
    .action(
      run(async ({ output, withClient }, file: string) => {
        const verdict = await withClient(async (client) => {
          const made = await exportLog(client, sha256())
          await writeWhole(file, made.bytes)
          return made.verdict()
        })
        output.result({ file, ...verdict }, [
          `${file}: ${count(verdict.size, 'entry', 'entries')}`,
          ...verdictLines(verdict),
        ])
      }),
    )

  log
    .command('verify')
    .summary('checks every entry of the log, or of an exported file')
    .argument('[file]')
    .option(...ASK_CHAIN_URL)
    .action(
      run(async (context, file: string | undefined, options: ChainUrlOption) => {
        const url = namedChainUrl(options.chainUrl)
        const { verdict, chainAsked } =
          file === undefined ? await verifyOnline(context, url) : await verifyFile(context, file, url)
        context.output.result({ verified: true, chainAsked, ...verdict }, verdictLines(verdict, chainAsked))
      }),
    )
}

interface Verified {
  readonly verdict: LogVerdict
  readonly chainAsked: boolean
}

function verifyOnline(context: CommandContext, named: string | undefined): Promise<Verified> {
  return context.withClient(async (client) => {
    const heads = await askChain(context, client, named, readChainHeads)
    return { verdict: await verifyLog(client, heads), chainAsked: heads !== undefined }
  })
}

async function verifyFile(
  { home: path, output }: CommandContext,
  file: string,
  url: string | undefined,
): Promise<Verified> {
  // Any machine can check a bundle; one with a home of that pool holds it against what it has seen.
  const home = await HomeFolder.open(path).catch((error: unknown) => {
    if (error instanceof NotFoundError) return undefined
    throw error
  })
  const pool = home === undefined ? undefined : poolIdOf(nodePrimitives, (await home.config()).genesis)
  const pins = home === undefined ? undefined : new NodePinStore(home.pins)
  const pinned = await pins?.load()
  if (url !== undefined && (pool === undefined || pinned?.chain === undefined))
    throw new UsageError(
      "to ask the chain, this home must know the pool's chain: run `allmend ledger status` first",
    )
  const chain = url === undefined ? undefined : await withChain(url, pool!, pinned!.chain!, readChainHeads)
  let reader
  try {
    reader = await readBundle(nodePrimitives, sha256(), createReadStream(file))
  } catch (error) {
    throw fileError(file, error)
  }
  const verified = await verifyBundle(nodePrimitives, reader, { pool, chain })
  if (pins !== undefined && pinned !== undefined) await holdAgainstPins(pins, pinned, verified)
  else output.note('There is no home of this pool here: whether it is your pool is for you to compare.')
  return { verdict: verified.verdict, chainAsked: url !== undefined }
}

function sha256(): Hasher {
  const hash = createHash('sha256')
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() }
}

/** The file is there whole, or not at all. */
async function writeWhole(file: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${file}.part`
  try {
    const handle = await fs.open(temporary, 'w')
    try {
      for await (const piece of bytes) await handle.write(piece)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await fs.rename(temporary, file)
  } catch (error) {
    await fs.rm(temporary, { force: true })
    throw fileError(file, error)
  }
}

const SPAN = /^(\d{1,6})([smhd])$/
const SPAN_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Unix milliseconds; throws UsageError. */
function parseSince(text: string): number {
  const span = SPAN.exec(text)
  if (span !== null) return Date.now() - Number(span[1]) * SPAN_MS[span[2] as keyof typeof SPAN_MS]
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new UsageError(`--since takes an ISO time or a span like 12h, not ${text}`)
  return time
}

function eventLine({ time, who, device, what, path, from, version, size, name }: LogEvent): string {
  const at = new Date(time).toISOString().replace('T', ' ').slice(0, 19)
  const by = who === undefined ? '' : device === undefined ? who : `${who} (${device})`
  const target = path ?? name ?? ''
  const details = [
    from === undefined ? undefined : `was ${from}`,
    version === undefined || version === 1 ? undefined : `version ${version}`,
    size === undefined ? undefined : formatBytes(size),
  ].filter((part) => part !== undefined)
  const rest = details.length === 0 ? '' : `  (${details.join(', ')})`
  return printable(`${at}  ${by.padEnd(24)}  ${what.padEnd(16)}  ${target}${rest}`.trimEnd())
}
