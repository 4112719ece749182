/**
 * Who has a home's cache and even the keys of its device, but not the log's: what he makes of the cache is refused, or says no more than
 * what was true. Real tracker, providers and clients; the tracker is gone.
 */
import * as path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { cat } from '../../src/client/operations/cat.ts'
import { openContent } from '../../src/client/fetch/open-content.ts'
import { list } from '../../src/client/operations/list.ts'
import { put } from '../../src/client/operations/put.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { stat } from '../../src/client/operations/stat.ts'
import { transcriptCodec } from '../../src/client/kept/transcript.ts'
import { toHex } from '../../src/core/open/bytes.ts'
import { AllmendError, UnreachableError, UntrustedError } from '../../src/core/open/errors.ts'
import * as fs from 'node:fs/promises'
import { hurriedClock } from '../fixtures/hurried-clock.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

const CONTENT = Buffer.alloc(300_000, 'what is in the file ')
let pool: TestPool
let client: Client
let home: { space: Uint8Array; root: Uint8Array; inner: Uint8Array; file: Uint8Array }

beforeAll(async () => {
  pool = await startTestPool({ offlineAfterMs: 1 })
  const { alice } = pool
  const local = await pool.scratch('local')
  await fs.writeFile(path.join(local, 'file'), CONTENT)
  await makeFolder(alice, { path: '/home/inner' })
  await put(alice, { sources: [path.join(local, 'file')], target: '/home/inner/' })
  await listing(alice)
  const root = (await alice.trees.roots()).get('home')!
  const inner = (await alice.trees.find('/home/inner'))!
  const file = (await alice.trees.find('/home/inner/file'))!
  home = { space: root.space.id, root: root.id, inner: inner.id, file: file.id }
  await alice.close()
  await pool.tracker.close()
  client = await pool.client({ clock: hurriedClock() })
})
afterAll(() => pool.close())

async function listing(of: Client): Promise<string[]> {
  const paths: string[] = []
  for await (const { path: at, size, version } of list(of, { path: '/', recursive: true }))
    paths.push(`${at} ${size} ${version}`)
  return paths
}

const read = async (of: Client): Promise<string> => {
  const parts: Uint8Array[] = []
  for await (const bytes of cat(of, { path: '/home/inner/file' })) parts.push(bytes)
  return toHex(Buffer.concat(parts))
}

const records = () => client.reading.kept!.records
const names = () => ({
  roots: records().name('roots'),
  root: records().name('children', home.space, home.root),
  inner: records().name('children', home.space, home.inner),
  member: records().name('member', client.identity.member),
})

/** Runs with other bytes in a record's place, boxed with the device's own keys. */
async function withRecord<T>(name: Uint8Array, bytes: Uint8Array, work: () => Promise<T>): Promise<T> {
  const before = (await records().load(name))!
  records().save([name], bytes)
  try {
    return await work()
  } finally {
    records().save([name], before)
    await records().flush()
  }
}

test('what was kept is read without the tracker, names and contents', async () => {
  expect((await listing(client)).map((line) => line.split(' ')[0])).toEqual([
    '/home',
    '/home/inner',
    '/home/inner/file',
  ])
  expect(await read(client)).toBe(toHex(CONTENT))
  expect(client.reading.time?.isBehind).toBe(false)
  expect(await client.reading.notice()).toMatch(/tracker can't be reached/)
})

test('fuzz: a changed transcript is refused, or shows what it showed', async () => {
  const expected = await listing(client)
  const kept = await Promise.all(
    Object.values(names()).map(async (name) => ({ name, bytes: (await records().load(name))! })),
  )
  await fc.assert(
    fc.asyncProperty(fc.nat(3), fc.nat(), fc.integer({ min: 1, max: 255 }), async (which, at, flip) => {
      const { name, bytes } = kept[which]!
      const changed = bytes.slice()
      changed[at % changed.length]! ^= flip
      await withRecord(name, changed, async () => {
        const outcome = await listing(client).catch((error: unknown) => error)
        if (outcome instanceof AllmendError) expect(['untrusted', 'malformed']).toContain(outcome.code)
        else expect(outcome).toEqual(expected)
      })
    }),
    { numRuns: Number(process.env['ALLMEND_KEPT_RUNS'] ?? 300) },
  )
})

test('one folder for another, an answer left out, a head that the log has not signed: refused', async () => {
  const { root, inner } = names()
  const bytes = (await records().load(inner))!
  const transcript = transcriptCodec.decode(bytes)
  await expect(withRecord(inner, (await records().load(root))!, () => listing(client))).rejects.toThrow(
    UntrustedError,
  )
  const [head] = transcript.heads
  const note = head!.note.slice()
  note[note.length - 10]! ^= 1
  for (const other of [
    { ...transcript, calls: [] },
    { ...transcript, proofs: [] },
    { ...transcript, heads: [] },
    { ...transcript, heads: [{ ...head!, note }] },
    { ...transcript, heads: [{ ...head!, leaf: head!.leaf.slice(1) }] },
    { ...transcript, heads: [{ ...head!, path: head!.path.slice(1) }] },
    {
      ...transcript,
      proofs: transcript.proofs.map((proof) => ({
        ...proof,
        answers: proof.answers.map((answer) => ({ ...answer, entries: answer.entries.slice(1) })),
      })),
    },
  ])
    await expect(
      withRecord(inner, transcriptCodec.encode(other), () => listing(client)),
    ).rejects.toMatchObject({
      policy: 'blame-peer',
    })
})

test('what is more than a day old is shown to who asks for it', async () => {
  const late = { clock: hurriedClock(25 * 3_600_000) }
  const reader = await pool.client(late)
  await expect(stat(reader, { path: '/home/inner/file' })).rejects.toThrow(/more than a day old/)
  await reader.close()
  const consenting = await pool.client({ ...late, acceptStale: true })
  expect((await stat(consenting, { path: '/home/inner/file' })).size).toBe(CONTENT.length)
  await consenting.close()
})

test('where the kept places lead nowhere, the other known providers are asked', async () => {
  const { places, records: kept } = client.reading.kept!
  const file = (await client.trees.orKept().find('/home/inner/file'))!
  const blobs = openContent(client, file)!.chunks.map(({ id }) => id)
  const { stripe } = (await places.find(home.space, blobs[0]!))!
  const found = await Promise.all(blobs.map(async (blob) => (await places.find(home.space, blob))!.place))
  const nobody = stripe.holders.map(([index], i) => [index, new Uint8Array(32).fill(i + 1), true] as const)
  places.save(home.space, { ...stripe, holders: nobody }, found)
  await kept.flush()
  const reader = await pool.client({ clock: hurriedClock() })
  expect(await read(reader)).toBe(toHex(CONTENT))
  await reader.close()
  // A stripe that isn't what its id says is refused, whoever kept it.
  places.save(home.space, { ...stripe, id: new Uint8Array(32).fill(7) }, found)
  await kept.flush()
  const misled = await pool.client({ clock: hurriedClock() })
  await expect(read(misled)).rejects.toThrow(UntrustedError)
  await misled.close()
  places.save(home.space, stripe, found)
})

test('what is written needs the tracker', async () => {
  await expect(makeFolder(client, { path: '/home/new' })).rejects.toThrow(UnreachableError)
  await expect(stat(client, { path: '/home/never' })).rejects.toMatchObject({ code: 'not-found' })
})
