/** A real process is killed while it stores, deletes and compacts; nothing that it acknowledged may be lost. */
import { spawn } from 'node:child_process'
import * as events from 'node:events'
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { expect, test } from 'vitest'
import { openDiskShardStore } from '../../src/adapters/disk/disk-shard-store.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { FolderError, NotFoundError } from '../../src/core/open/errors.ts'
import { shardId } from '../../src/core/open/merkle.ts'
import { seededBytes, seededRandom } from './shard-store-random.ts'

const ROUNDS = Number(process.env.ALLMEND_CRASH_ROUNDS ?? 20)
const SEED = Number(process.env.ALLMEND_CRASH_SEED ?? Math.floor(Math.random() * 1_000))
const WRITER = path.join(import.meta.dirname, 'shard-store-writer.ts')
const MAX_LINES = 300

interface Known {
  /** Acknowledged shards, by seed, with their lengths. */
  readonly stored: Map<number, number>
  /** Acknowledged deletes. */
  readonly deleted: Map<number, number>
}

function note(line: string, known: Known, doubtful: Map<number, number>): void {
  const [word, shard, length] = line.split(' ')
  const key = Number(shard)
  if (word === 'put') known.stored.set(key, Number(length))
  if (word === 'deleting') {
    doubtful.set(key, known.stored.get(key)!)
    known.stored.delete(key)
  }
  if (word === 'deleted') {
    known.deleted.set(key, doubtful.get(key)!)
    doubtful.delete(key)
  }
}

/** Runs the writer, kills it after `lines` lines, and notes what it said. */
async function writeAndKill(
  folder: string,
  seed: number,
  lines: number,
  whileOpen: () => Promise<void>,
  known: Known,
): Promise<void> {
  const child = spawn(process.execPath, [WRITER, folder, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = events.once(child, 'exit')
  const doubtful = new Map<number, number>()
  let seen = 0
  for await (const line of readline.createInterface({ input: child.stdout })) {
    if (seen === 0) await whileOpen()
    note(line, known, doubtful)
    if (++seen === lines) child.kill('SIGKILL')
  }
  const [, signal] = await exited
  expect(signal).toBe('SIGKILL')
}

async function check(folder: string, known: Known): Promise<void> {
  const store = await openDiskShardStore({
    folder,
    capacity: 200_000_000,
    segmentBytes: 1_000_000,
    primitives: nodePrimitives,
  })
  for (const [shard, length] of known.stored) {
    const bytes = seededBytes(shard, length)
    expect(
      Buffer.compare(await store.read(shardId(nodePrimitives.blake3, bytes)), bytes),
      `shard ${shard}`,
    ).toBe(0)
  }
  for (const [shard, length] of known.deleted) {
    const id = shardId(nodePrimitives.blake3, seededBytes(shard, length))
    await expect(store.read(id), `deleted shard ${shard}`).rejects.toThrow(NotFoundError)
  }
  expect(await store.scrub(undefined, Infinity)).toMatchObject({ damaged: [] })
  expect(store.usage().damagedFiles).toBe(0)
  await store.close()
}

test(`kill -9 at ${ROUNDS} random moments loses nothing acknowledged (seed ${SEED})`, async () => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-crash-'))
  const random = seededRandom(SEED)
  const known: Known = { stored: new Map(), deleted: new Map() }
  for (let round = 0; round < ROUNDS; round++) {
    const lines = 1 + Math.floor(random() ** 2 * MAX_LINES)
    const isLocked = async (): Promise<void> => {
      await expect(check(folder, known)).rejects.toThrow(FolderError)
    }
    await writeAndKill(folder, SEED + round, lines, isLocked, known)
    await check(folder, known)
    // Enough of the past is kept to be sure that compaction keeps it, too.
    for (const shard of [...known.stored.keys()].slice(0, -150)) known.stored.delete(shard)
    for (const shard of [...known.deleted.keys()].slice(0, -150)) known.deleted.delete(shard)
  }
  await fs.rm(folder, { recursive: true })
})
