/**
 * Whole files and trees into a pool of six provider processes on this machine and back, beside other programs that store to a local
 * folder. Each program runs as a person would start it, process start included, and its writes are synced within the measured time.
 */
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Row } from '../row.ts'
import { atLeast, atMost, perSecond, times } from '../row.ts'
import { borg } from './borg.ts'
import type { Contender } from './contender.ts'
import { expectSame, writeRandomFile, writeRandomTree } from './inputs.ts'
import type { Pool } from './pool.ts'
import { withPool } from './pool.ts'
import { restic } from './restic.ts'
import type { CommandOutcome } from './run-command.ts'
import { runDurably } from './run-command.ts'
import { inWorkspace } from './workspace.ts'

const SECTION = 'end to end, six providers on loopback, durable'
const FILE_BYTES = 2 ** 30
const SMALL = { folders: 100, filesEach: 100, fileBytes: 4096 }
const SMALL_FILES = SMALL.folders * SMALL.filesEach
/** What a stored byte takes at 4+2, indexes and records included. */
const EXPANSION = 1.53
const MEGABYTE = 1e6

export interface EndToEndOptions {
  /** Size of the file whose memory is compared with that of 1 GiB. */
  readonly bigBytes: number
  /** Runs of which the best counts. */
  readonly rounds: number
}

/** The best times and the highest peaks of one program. */
interface Result {
  store: number
  restore: number
  storeCpu: number
  restoreCpu: number
  storePeak: number
  restorePeak: number
}

/** Takes minutes and `bigBytes` * 3.6 + 10 GB of disk. */
export function benchEndToEnd({ bigBytes, rounds }: EndToEndOptions): Promise<Row[]> {
  const disk = bigBytes * (2 + EXPANSION) + FILE_BYTES * (rounds * EXPANSION + 4)
  return inWorkspace(disk, (folder) =>
    withPool(join(folder, 'pool'), async (pool) => {
      const others = [await restic(join(folder, 'restic')), await borg(join(folder, 'borg'))]
      const contenders = [pool, ...others.filter((other) => other !== undefined)]
      const rows: Row[] = []
      const before = await pool.status()
      const large = await compare(folder, 'large', rounds, contenders, (path) =>
        writeRandomFile(path, FILE_BYTES),
      )
      const after = await pool.status()
      const providerPeak = pool.peakOf('provider')
      rows.push(...largeRows(large, contenders))
      const stored = (after.storedBytes - before.storedBytes) / (after.logicalBytes - before.logicalBytes)
      rows.push({
        section: SECTION,
        name: 'stored bytes for random data at 4+2',
        value: times(stored),
        ...atMost(stored, EXPANSION, times(EXPANSION)),
      })
      const small = await compare(folder, 'small', rounds, contenders, (path) => writeRandomTree(path, SMALL))
      rows.push(...smallRows(small, contenders))
      rows.push(...(await memoryRows(folder, pool, large.get(pool)!, providerPeak, bigBytes)))
      for (const name of ['restic', 'borg'])
        if (!contenders.some((contender) => contender.name.startsWith(name)))
          rows.push({ section: SECTION, name, value: 'not installed here' })
      return rows
    }),
  )
}

/**
 * Lets all contenders store and restore the same input, in turns, `rounds` times with a new one. Large inputs are removed when they
 * are done with. Trees stay to the end: ext4 without a journal doesn't reuse what was deleted in the last minutes, and searches
 * for other inodes for longer than everything else takes.
 */
async function compare(
  folder: string,
  label: string,
  rounds: number,
  contenders: readonly Contender[],
  make: (path: string) => Promise<void>,
): Promise<Map<Contender, Result>> {
  const results = new Map<Contender, Result>()
  for (let round = 0; round < rounds; round++) {
    const name = `${label}-${round}`
    const source = join(folder, name)
    await make(source)
    const isTree = (await stat(source)).isDirectory()
    for (const [i, contender] of contenders.entries()) {
      const out = join(folder, `${name}-out-${i}`)
      const result = await once(folder, contender, source, name, out)
      if (!isTree) await rm(out, { recursive: true })
      results.set(contender, merge(results.get(contender), result))
      console.log(
        `  ${name} ${contender.name}: in ${result.store.toFixed(2)} s, out ${result.restore.toFixed(2)} s`,
      )
    }
    if (!isTree) await rm(source)
  }
  return results
}

async function once(
  folder: string,
  contender: Contender,
  source: string,
  label: string,
  out: string,
): Promise<Result> {
  await mkdir(out)
  const store = await runDurably(folder, () => contender.store(source, label))
  const restore = await runDurably(folder, () => contender.restore(label, out))
  await expectSame(source, join(out, label))
  await contender.forget(label)
  return resultOf(store, restore)
}

function resultOf(store: CommandOutcome, restore: CommandOutcome): Result {
  return {
    store: store.seconds,
    restore: restore.seconds,
    storeCpu: store.cpu,
    restoreCpu: restore.cpu,
    storePeak: store.peak,
    restorePeak: restore.peak,
  }
}

function merge(a: Result | undefined, b: Result): Result {
  if (a === undefined) return b
  return {
    store: Math.min(a.store, b.store),
    restore: Math.min(a.restore, b.restore),
    storeCpu: Math.min(a.storeCpu, b.storeCpu),
    restoreCpu: Math.min(a.restoreCpu, b.restoreCpu),
    storePeak: Math.max(a.storePeak, b.storePeak),
    restorePeak: Math.max(a.restorePeak, b.restorePeak),
  }
}

function largeRows(results: ReadonlyMap<Contender, Result>, contenders: readonly Contender[]): Row[] {
  const [pool, ...others] = contenders
  const ours = results.get(pool!)!
  const rate = (seconds: number) => perSecond(FILE_BYTES / MEGABYTE / seconds)
  const rows: Row[] = []
  for (const direction of ['store', 'restore'] as const) {
    const verb = direction === 'store' ? 'put' : 'get'
    for (const other of others) {
      const theirs = results.get(other)!
      const ratio = theirs[direction] / ours[direction]
      const minimum = direction === 'store' ? 2 : 1
      rows.push({
        section: SECTION,
        name: `${verb} 1 GiB of random data`,
        value: rate(ours[direction]),
        beside: `${other.name} ${rate(theirs[direction])}`,
        ratio: times(ratio),
        ...(other.name.startsWith('restic') ? atLeast(ratio, minimum, times(minimum)) : {}),
        note: `${ours[direction].toFixed(2)} s and ${theirs[direction].toFixed(2)} s; ${cpu(ours, direction)} and ${cpu(theirs, direction)} CPU-s`,
      })
    }
    if (others.length === 0)
      rows.push({ section: SECTION, name: `${verb} 1 GiB of random data`, value: rate(ours[direction]) })
  }
  return rows
}

function smallRows(results: ReadonlyMap<Contender, Result>, contenders: readonly Contender[]): Row[] {
  const [pool, ...others] = contenders
  const ours = results.get(pool!)!
  return (['store', 'restore'] as const).map((direction) => {
    const rate = SMALL_FILES / ours[direction]
    const minimum = direction === 'store' ? 1000 : 2000
    return {
      section: SECTION,
      name: `${direction === 'store' ? 'put' : 'get'} 10,000 files of 4 KiB in 100 folders`,
      value: filesPerSecond(ours[direction]),
      beside: others
        .map((other) => `${other.name} ${filesPerSecond(results.get(other)![direction])}`)
        .join(', '),
      ...atLeast(rate, minimum, `${minimum} files/s`),
      note: [ours, ...others.map((other) => results.get(other)!)]
        .map((result) => `${result[direction].toFixed(2)} s (${cpu(result, direction)} CPU-s)`)
        .join(', '),
    }
  })
}

/** CPU seconds, those of the pool's processes included. */
function cpu(result: Result, direction: 'store' | 'restore'): string {
  return (direction === 'store' ? result.storeCpu : result.restoreCpu).toFixed(1)
}

function filesPerSecond(seconds: number): string {
  return `${Math.round(SMALL_FILES / seconds).toLocaleString('en')} files/s`
}

async function memoryRows(
  folder: string,
  pool: Pool,
  small: Result,
  providerPeak: number,
  bigBytes: number,
): Promise<Row[]> {
  const source = join(folder, 'big')
  await writeRandomFile(source, bigBytes)
  const big = await once(folder, pool, source, 'big', join(folder, 'big-out'))
  await rm(source)
  const size = bigBytes < 2 ** 30 ? `${bigBytes / 2 ** 20} MiB` : `${bigBytes / 2 ** 30} GiB`
  const client = (name: string, bytes: number, note: string): Row => ({
    section: SECTION,
    name: `peak memory of the client, ${name}`,
    value: megabytes(bytes),
    ...atMost(bytes / MEGABYTE, 400, '400 MB'),
    note,
  })
  return [
    client('put 1 GiB', small.storePeak, ''),
    client(`put ${size}`, big.storePeak, perSecond(bigBytes / MEGABYTE / big.store)),
    client('get 1 GiB', small.restorePeak, ''),
    client(`get ${size}`, big.restorePeak, perSecond(bigBytes / MEGABYTE / big.restore)),
    {
      section: SECTION,
      name: 'peak memory of a provider (the hungriest), put and get 1 GiB',
      value: megabytes(providerPeak),
      ...atMost(providerPeak / MEGABYTE, 150, '150 MB'),
    },
    {
      section: SECTION,
      name: `the same after 10,000 small files, witnessed, and ${size}`,
      value: megabytes(pool.peakOf('provider')),
    },
    { section: SECTION, name: 'peak memory of the tracker', value: megabytes(pool.peakOf('tracker')) },
  ]
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MEGABYTE)} MB`
}
