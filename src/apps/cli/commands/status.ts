import type { Command } from 'commander'
import type { OfflineStatus } from '../../../client/operations/offline-status.ts'
import { offlineStatus } from '../../../client/operations/offline-status.ts'
import type { PoolStatus } from '../../../client/operations/status.ts'
import { status } from '../../../client/operations/status.ts'
import type { Client } from '../../../client/client.ts'
import { orderedAhead } from '../../../client/concurrency.ts'
import { fromHex } from '../../../core/open/bytes.ts'
import { aligned } from '../text/aligned.ts'
import { formatBytes } from '../text/byte-size.ts'
import { count } from '../text/count.ts'
import type { RunCommand } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { limitsPlain, limitText } from '../text/limit-text.ts'
import type { MeasuredPeer } from '../measure-peer.ts'
import { formatMs, measurePeer } from '../measure-peer.ts'
import { printable } from '../text/printable.ts'
import { showWaiting } from '../text/waiting.ts'

/** Providers that are dialled at once. */
const AT_ONCE = 16

export function registerStatus(program: Command, run: RunCommand): void {
  program
    .command('status')
    .summary('providers, what is stored, and how safely')
    .action(
      run(async ({ output, withClient, setExitCode }) => {
        await withClient(async (client) => {
          const pool = await client.reading.orAway(() => status(client))
          if (pool !== undefined) {
            const done = showWaiting(output.json, 'asking the providers …')
            const reached = await withPaths(client, pool.value).finally(done)
            const { line } = client.transport
            const limited = limitText(line)
            return output.result({ ...reached, limits: limitsPlain(line) }, [
              ...statusLines(reached),
              ...(limited === undefined ? [] : [`limit of this home: ${limited}`]),
            ])
          }
          const offline = await offlineStatus(client)
          output.result({ offline }, offlineLines(offline))
          setExitCode(EXIT.failed)
        })
      }),
    )
}

interface ReachedProvider
  extends Omit<PoolStatus['providers'][number], 'transport'>, Omit<MeasuredPeer, 'transport'> {
  /** The one in use from here; those that the provider has where it isn't reached. */
  readonly transport: string
}

interface ReachedPool extends Omit<PoolStatus, 'providers'> {
  readonly providers: readonly ReachedProvider[]
}

/** The pool's status with how each provider that is up is reached from here. */
async function withPaths(client: Client, pool: PoolStatus): Promise<ReachedPool> {
  const reached = orderedAhead(pool.providers, AT_ONCE, async (provider): Promise<ReachedProvider> => {
    const { id, address, state } = provider
    if (state === 'down') return provider
    return { ...provider, ...(await measurePeer(client.transport, { id: fromHex(id)!, address })) }
  })
  const providers: ReachedProvider[] = []
  for await (const provider of reached) providers.push(provider)
  return { ...pool, providers }
}

function pathText({ transport, relayed, roundTripMs, goodput, problem }: ReachedProvider): string {
  if (problem !== undefined) return `not reached from here: ${printable(problem)}`
  if (roundTripMs === undefined) return transport
  const speed = goodput === undefined ? '' : `, ${formatBytes(goodput)}/s`
  return `${transport}${relayed === true ? ' relayed' : ''}, ${formatMs(roundTripMs)}${speed}`
}

function statusLines(pool: ReachedPool): string[] {
  const { providers, stripes, damaged } = pool
  const rows = providers.map((provider) => {
    const { name, state, used, capacity, shards, copies, pid } = provider
    return [
      printable(name),
      state,
      `${formatBytes(used)} of ${formatBytes(capacity)}`,
      count(shards, 'shard') + (copies === 0 ? '' : `, ${count(copies, 'copy', 'copies')}`),
      pathText(provider),
      pid === undefined ? '' : `pid ${pid}`,
    ]
  })
  const missed = providers.filter(({ problem }) => problem !== undefined).length
  const up = providers.filter(({ state }) => state === 'up').length
  return [
    `${up} of ${providers.length} providers up`,
    ...aligned(rows).map((line) => `  ${line}`),
    ...(missed === 0
      ? []
      : [
          `${count(missed, 'provider')} can’t be reached from here: \`allmend doctor\` says what is wrong with this machine’s connection`,
        ]),
    `${count(pool.files, 'file')}, ${formatBytes(pool.logicalBytes)}; ${formatBytes(pool.uniqueBytes)} without duplicates, ${formatBytes(pool.storedBytes)} stored`,
    `stripes: ${stripes.healthy} healthy, ${stripes.degraded} degraded, ${stripes.atRisk} at risk, ${stripes.lost} lost`,
    ...damaged.map(
      ({ provider, shard, found, what }) => `damaged: shard ${shard} at ${provider}: ${what}, found ${found}`,
    ),
  ]
}

function offlineLines({ tracker, spaces, kept }: OfflineStatus): string[] {
  const kinds = spaces.map(({ name, contentsUntil }) =>
    contentsUntil === undefined
      ? `  /${printable(name)}: lists and details, no contents`
      : `  /${printable(name)}: contents too, until ${contentsUntil}`,
  )
  return [
    `The tracker at ${printable(tracker)} can't be reached: nothing can be written.`,
    'What was listed or read here before can be read, contents once the providers have lost the tracker for ten minutes:',
    ...kinds,
    `This home keeps ${formatBytes(kept.bytes)} of at most ${formatBytes(kept.maxBytes)} for that.`,
  ]
}
