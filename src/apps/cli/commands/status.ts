import type { Command } from 'commander'
import type { OfflineStatus } from '../../../client/offline-status.ts'
import { offlineStatus } from '../../../client/offline-status.ts'
import type { PoolStatus } from '../../../client/status.ts'
import { status } from '../../../client/status.ts'
import { formatBytes } from '../byte-size.ts'
import { count } from '../count.ts'
import type { RunCommand } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { printable } from '../printable.ts'

export function registerStatus(program: Command, run: RunCommand): void {
  program
    .command('status')
    .summary('providers, what is stored, and how safely')
    .action(
      run(async ({ output, withClient, setExitCode }) => {
        await withClient(async (client) => {
          const pool = await client.reading.orAway(() => status(client))
          if (pool !== undefined) return output.result(pool.value, statusLines(pool.value))
          const offline = await offlineStatus(client)
          output.result({ offline }, offlineLines(offline))
          setExitCode(EXIT.failed)
        })
      }),
    )
}

function statusLines(pool: PoolStatus): string[] {
  const { providers, stripes, damaged } = pool
  const rows = providers.map(({ name, state, used, capacity, shards, transport, pid }) => [
    printable(name),
    state,
    `${formatBytes(used)} of ${formatBytes(capacity)}`,
    count(shards, 'shard'),
    transport,
    pid === undefined ? '' : `pid ${pid}`,
  ])
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  const up = providers.filter(({ state }) => state === 'up').length
  return [
    `${up} of ${providers.length} providers up`,
    ...rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd()),
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
