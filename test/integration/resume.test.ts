/** Puts that were interrupted, run beside each other, or by two devices: nothing is sent twice, nothing lost, nothing half-visible. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { get } from '../../src/client/operations/get.ts'
import { list } from '../../src/client/operations/list.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { put } from '../../src/client/operations/put.ts'
import type { PutResult } from '../../src/client/operations/put-parameters.ts'
import { CancelledError, ConflictError } from '../../src/core/open/errors.ts'
import { putShard } from '../../src/core/open/protocol/provider-methods.ts'
import { toHex } from '../../src/core/open/bytes.ts'
import type { Transport } from '../../src/ports/transport.ts'
import { treeOf } from '../fixtures/local-tree.ts'
import type { SeededRandom } from '../fixtures/seeded-random.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

let pool: TestPool
beforeAll(async () => {
  pool = await startTestPool()
})
afterAll(() => pool.close())

/** Shards that were acknowledged, by provider and shard: how often, and their bytes. */
class Sent {
  readonly acknowledged = new Map<string, { times: number; bytes: number }>()
  /** Bytes of all acknowledged puts. */
  total = 0

  wrap(transport: Transport): Transport {
    return {
      kind: transport.kind,
      publicKey: transport.publicKey,
      listen: (options) => transport.listen(options),
      close: () => transport.close(),
      dial: async (address, peerId, options) => {
        const connection = await transport.dial(address, peerId, options)
        return {
          peerKey: connection.peerKey,
          remoteAddress: connection.remoteAddress,
          closed: connection.closed,
          close: () => connection.close(),
          request: async (method, message, requestOptions) => {
            const bytes = message.body.length
            const answer = await connection.request(method, message, requestOptions)
            if (method !== putShard.id) return answer
            const { shard } = putShard.request.decode(message.head)
            const key = toHex(peerId) + toHex(shard)
            const known = this.acknowledged.get(key) ?? { times: 0, bytes }
            known.times++
            this.acknowledged.set(key, known)
            this.total += bytes
            return answer
          },
        }
      },
    }
  }
}

/** A tree of one large file, some of several chunks and many small ones. */
function makeTree(folder: string, random: SeededRandom, megabytes: number): void {
  fs.mkdirSync(path.join(folder, 'small'), { recursive: true })
  fs.writeFileSync(path.join(folder, 'large'), random.bytes(megabytes * 600_000))
  for (let i = 0; i < 10; i++)
    fs.writeFileSync(path.join(folder, `middle ${i}`), random.bytes(megabytes * 40_000))
  for (let i = 0; i < 100; i++)
    fs.writeFileSync(path.join(folder, 'small', String(i)), random.bytes(random.below(2_000)))
}

let attempts = 0
async function fetched(name: string): Promise<Record<string, string>> {
  const client = await pool.client()
  const target = path.join(await pool.scratch('out'), String(attempts++))
  const { failed } = await get(client, { sources: [name], target })
  await client.close()
  expect(failed).toEqual([])
  return treeOf(target)
}

test('a put that is stopped at random moments goes on without sending again what arrived', async () => {
  const random = seededRandom()
  for (let round = 0; round < 3; round++) {
    const name = `stopped ${round}`
    const folder = path.join(await pool.scratch('in'), name)
    makeTree(folder, random, 40)
    const sent = new Sent()
    let result: PutResult | undefined
    let stops = 0
    while (result === undefined) {
      const client = await pool.client({ wrap: (transport) => sent.wrap(transport) })
      const stop = new AbortController()
      // Twice somewhere, then to its end.
      const after = stops < 2 ? sent.total + random.below(35_000_000) : Number.POSITIVE_INFINITY
      try {
        result = await put(client, {
          sources: [folder],
          target: '/home/',
          signal: stop.signal,
          onProgress() {
            if (sent.total > after) stop.abort()
          },
        })
      } catch (error) {
        expect(error).toBeInstanceOf(CancelledError)
        stops++
        // What is visible by now is whole.
        const reader = await pool.client()
        const target = path.join(await pool.scratch('between'), `${name} ${stops}`)
        if ((await names(reader, '/home')).includes(name)) {
          const { failed } = await get(reader, { sources: [`/home/${name}`], target })
          expect(failed).toEqual([])
          const whole = treeOf(folder)
          for (const [at, what] of Object.entries(treeOf(target)))
            if (what.startsWith('file')) expect(what).toBe(whole[at])
        }
        await reader.close()
      }
      await client.close()
    }
    expect(await fetched(`/home/${name}`)).toEqual(treeOf(folder))
    // An acknowledgement that was on its way when it stopped, and stripes packed anew for the rest, are all that may double.
    let twice = 0
    let once = 0
    for (const { times, bytes } of sent.acknowledged.values()) {
      once += bytes
      twice += (times - 1) * bytes
    }
    expect(twice).toBe(0)
    const ideal = (40_000_000 * 6) / 4
    expect(once).toBeLessThan(ideal * 1.1 + stops * 3 * 6 * 4_200_000)
  }
})

test('two puts at once by one home, and the same put twice at once', async () => {
  const random = seededRandom()
  const folders = await Promise.all(
    ['one', 'two'].map(async (name) => path.join(await pool.scratch('beside'), name)),
  )
  for (const folder of folders) makeTree(folder, random, 10)
  // Some content is in both.
  fs.cpSync(path.join(folders[0]!, 'large'), path.join(folders[1]!, 'also large'), {
    preserveTimestamps: true,
  })
  const clients = await Promise.all(folders.map(() => pool.client()))
  const results = await Promise.all(
    folders.map((folder, i) => put(clients[i]!, { sources: [folder], target: '/home/' })),
  )
  for (const { problems } of results) expect(problems).toEqual([])
  for (const folder of folders)
    expect(await fetched(`/home/${path.basename(folder)}`)).toEqual(treeOf(folder))

  fs.writeFileSync(path.join(folders[0]!, 'new'), random.bytes(3_000_000))
  const same = await Promise.allSettled(
    clients.map((client) => put(client, { sources: [folders[0]!], target: '/home/' })),
  )
  expect(same.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1)
  for (const outcome of same)
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(ConflictError)
  expect(await fetched('/home/one')).toEqual(treeOf(folders[0]!))
  for (const client of clients) await client.close()
})

test('two devices in one folder: what clashes shows as a conflict, nothing is lost', async () => {
  const random = seededRandom()
  const here = await pool.client()
  const there = await pool.device('tablet')
  await makeFolder(here, { path: '/home/shared' })
  const folders: string[] = []
  for (const [i, device] of [here, there].entries()) {
    const folder = path.join(await pool.scratch('devices'), String(i))
    fs.mkdirSync(folder)
    fs.writeFileSync(path.join(folder, 'clash'), `from ${i}`)
    fs.writeFileSync(path.join(folder, `own ${i}`), random.bytes(300_000))
    folders.push(folder)
    // Both have seen the folder empty.
    expect(await names(device, '/home/shared')).toEqual([])
  }
  const sources = (i: number) => fs.readdirSync(folders[i]!).map((name) => path.join(folders[i]!, name))
  await Promise.all([
    put(here, { sources: sources(0), target: '/home/shared' }),
    put(there, { sources: sources(1), target: '/home/shared' }),
  ])
  const reader = await pool.client()
  const found: string[] = []
  for await (const { name, conflict } of list(reader, { path: '/home/shared' }))
    found.push(conflict ? `${name} (conflict)` : name)
  expect(found.sort()).toEqual(['clash', 'clash (conflict)', 'own 0', 'own 1'])
  const target = path.join(await pool.scratch('devices'), 'out')
  const { failed } = await get(reader, { sources: ['/home/shared'], target })
  expect(failed.map(({ path }) => path)).toEqual(['/home/shared/clash'])
  expect(failed[0]!.error).toBeInstanceOf(ConflictError)
  expect(['from 0', 'from 1']).toContain(fs.readFileSync(path.join(target, 'clash'), 'utf8'))
  for (const i of [0, 1])
    expect(fs.readFileSync(path.join(target, `own ${i}`))).toEqual(
      fs.readFileSync(path.join(folders[i]!, `own ${i}`)),
    )

  // Both change the same file: one of them is told, and may do it again.
  for (const i of [0, 1]) fs.writeFileSync(path.join(folders[i]!, 'clash'), `changed by ${i}`)
  for (const device of [here, there]) await names(device, '/home/shared')
  const both = await Promise.allSettled([
    put(here, { sources: [path.join(folders[0]!, 'clash')], target: '/home/shared' }),
    put(there, { sources: [path.join(folders[1]!, 'clash')], target: '/home/shared' }),
  ])
  for (const outcome of both)
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(ConflictError)
  expect(both.some(({ status }) => status === 'fulfilled')).toBe(true)
  await put(there, { sources: [path.join(folders[1]!, 'clash')], target: '/home/shared' })
  const again = `${target} again`
  await get(await pool.client(), { sources: ['/home/shared/clash'], target: again })
  expect(['changed by 0', 'changed by 1']).toContain(fs.readFileSync(again, 'utf8'))
  await reader.close()
  await here.close()
})

async function names(client: Client, at: string): Promise<string[]> {
  const found: string[] = []
  for await (const { name } of list(client, { path: at })) found.push(name)
  return found
}
