/**
 * A member who goes on putting, getting, listing and removing files, announcing and looking up, until told to rest; `node member.ts
 * <options as JSON>`. Every file's content follows from its name, so that whoever reads one knows what it has to be, also after a kill.
 */
import { createCipheriv, hash, randomBytes, randomUUID } from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openClient } from '../../../src/apps/node/open-client.ts'
import type { TransportMode } from '../../../src/apps/node/network/transport-mode.ts'
import type { Client } from '../../../src/client/client.ts'
import { get } from '../../../src/client/operations/get.ts'
import { list } from '../../../src/client/operations/list.ts'
import { put } from '../../../src/client/operations/put.ts'
import { remove } from '../../../src/client/operations/remove.ts'
import { AllmendError } from '../../../src/core/open/errors.ts'

export interface MemberOptions {
  readonly home: string
  /** For files on their way. */
  readonly folder: string
  /** Taken in turn, one client after the other; a single one stays open. */
  readonly transports: readonly TransportMode[]
  /** By which the pause between two things to do is divided. */
  readonly rate: number
}

export type MemberOrder = { readonly order: 'work' | 'rest' | 'verify' | 'tell' }

/** What a member has done since it was asked last. */
export interface MemberNews {
  readonly did: Readonly<Record<string, number>>
  /** What failed because a peer was away, by code. */
  readonly missed: Readonly<Record<string, number>>
  /** What must not happen. */
  readonly wrong: readonly string[]
}

const SIZES = [200, 60_000, 3_000_000]
const MAX_FILES = 24
/** Between two things to do at rate 1: the machine is shared, and all that matters is that everything happens often. */
const PAUSE_MS = 100
/** As often a client is closed and the next one opened. */
const REOPEN_EACH = 20
const SPACE = '/home'
const options = JSON.parse(process.argv[2] ?? '{}') as MemberOptions
let client: Client | undefined
let turn = 0
let did: Record<string, number> = {}
let missed: Record<string, number> = {}
let wrong: string[] = []
let work: Promise<void> = Promise.resolve()
let working: AbortController | undefined

function content(name: string): Buffer {
  const size = Number(name.split('-')[0])
  const key = hash('sha256', name, 'buffer')
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}

const pick = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)]!

async function names(using: Client): Promise<string[]> {
  const found: string[] = []
  for await (const entry of list(using, { path: SPACE })) found.push(entry.path.slice(SPACE.length + 1))
  return found
}

async function putOne(using: Client): Promise<void> {
  const name = `${pick(SIZES)}-${randomUUID()}`
  const file = path.join(options.folder, name)
  await fs.writeFile(file, content(name))
  try {
    await put(using, { sources: [file], target: `${SPACE}/${name}` })
  } finally {
    await fs.rm(file, { force: true })
  }
}

async function getOne(using: Client, name: string): Promise<void> {
  const file = path.join(options.folder, `got-${randomUUID()}`)
  try {
    const { failed } = await get(using, { sources: [`${SPACE}/${name}`], target: file })
    if (failed[0] !== undefined) throw failed[0].error
    if (!(await fs.readFile(file)).equals(content(name))) wrong.push(`${name} came back with other bytes`)
  } finally {
    await fs.rm(file, { force: true })
  }
}

async function announceAndLookUp({ discovery }: Client): Promise<void> {
  if (discovery === undefined) return
  const topic = randomBytes(32)
  await discovery.announce(topic)
  await discovery.lookup(topic)
  await discovery.withdraw(topic)
}

/** Does one thing; its name. */
async function act(using: Client): Promise<string> {
  const chance = Math.random()
  if (chance < 0.1) {
    await announceAndLookUp(using)
    return 'announced'
  }
  const there = await names(using)
  if (there.length > 0 && (chance < 0.2 || there.length > MAX_FILES)) {
    await remove(using, { path: `${SPACE}/${pick(there)}` })
    return 'removed'
  }
  if (there.length > 0 && chance < 0.65) {
    await getOne(using, pick(there))
    return 'got'
  }
  await putOne(using)
  return 'put'
}

/** Runs `what`, and counts what came of it. */
async function count(what: () => Promise<string>): Promise<void> {
  try {
    const done = await what()
    did[done] = (did[done] ?? 0) + 1
  } catch (error) {
    if (error instanceof AllmendError && error.policy === 'retry')
      missed[error.code] = (missed[error.code] ?? 0) + 1
    else wrong.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
}

async function reopen(): Promise<Client> {
  await client?.close()
  client = undefined
  const transport = options.transports[turn++ % options.transports.length]
  client = await openClient({ home: options.home, transport })
  return client
}

async function workUntil(stop: AbortSignal): Promise<void> {
  for (let i = 1; !stop.aborted; i++) {
    const isNext = options.transports.length > 1 && i % REOPEN_EACH === 0
    await count(async () => act(isNext ? await reopen() : (client ?? (await reopen()))))
    await delay(PAUSE_MS / options.rate)
  }
}

/** Reads everything that is there. */
async function verify(): Promise<void> {
  const using = client ?? (await reopen())
  for (const name of await names(using)) await count(() => getOne(using, name).then(() => 'verified'))
}

async function rest(): Promise<void> {
  working?.abort()
  working = undefined
  await work
  await client?.close()
  client = undefined
}

async function obey({ order }: MemberOrder): Promise<void> {
  if (order === 'rest') await rest()
  else if (order === 'verify') await verify()
  else if (order === 'work') {
    working ??= new AbortController()
    work = workUntil(working.signal)
    return
  }
  const news: MemberNews = { did, missed, wrong }
  did = {}
  missed = {}
  wrong = []
  process.send?.(news)
}

await fs.mkdir(options.folder, { recursive: true })
process.on('message', (message: MemberOrder | { ask: string }) => {
  if ('order' in message) void obey(message)
})
process.on('disconnect', () => process.exit())
process.channel?.ref()
process.send?.({ ready: true })
