import type { Command } from 'commander'
import type { PoolStatus } from '../../../client/status.ts'
import { status } from '../../../client/status.ts'
import { formatBytes } from '../byte-size.ts'
import { count } from '../count.ts'
import type { RunCommand } from '../context.ts'
import { printable } from '../printable.ts'

export function registerStatus(program: Command, run: RunCommand): void {
  program
    .command('status')
    .summary('providers, what is stored, and how safely')
    .action(
      run(async ({ output, withClient }) => {
        const pool = await withClient(status)
        output.result(pool, statusLines(pool))
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
