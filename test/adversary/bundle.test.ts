/** Exported logs, tampered with: no byte of a bundle is without effect, and the first bad entry is named. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { LogAudit } from '../../src/client/log/audit/audit-log.ts'
import type { BundleEntry, BundleHeader, Hasher } from '../../src/client/log/audit/log-bundle.ts'
import { encodeBundle, readBundle } from '../../src/client/log/audit/log-bundle.ts'
import { exportLog, verifyBundle } from '../../src/client/log/audit/verify-log.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { remove } from '../../src/client/operations/remove.ts'
import type { AllmendError } from '../../src/core/open/errors.ts'
import { entryCodec } from '../../src/core/open/log/entry.ts'
import { exitCodeOf } from '../../src/apps/cli/exit-codes.ts'
import { errorOf } from '../fixtures/log/log-victim.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

/** Every byte where more is asked for than a quick run. */
const STEP = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 0) > 10_000 ? 1 : 7

let pool: TestPool
let bundle: Uint8Array
let header: BundleHeader
const entries: BundleEntry[] = []

function sha256(): Hasher {
  const hash = createHash('sha256')
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() }
}

/** In pieces of a length that fits nothing. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1_021) yield bytes.subarray(at, at + 1_021)
}

async function verify(bytes: Uint8Array, poolId?: Uint8Array) {
  return verifyBundle(nodePrimitives, await readBundle(nodePrimitives, sha256(), pieces(bytes)), {
    pool: poolId,
  })
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  // A buffer's slices would share its memory.
  return new Uint8Array(Buffer.concat(parts))
}

/** A bundle with sound checksums of whatever is in it: what an attacker would make. */
function remake(from: BundleHeader, list: readonly BundleEntry[]): Promise<Uint8Array> {
  return collect(
    encodeBundle(
      nodePrimitives,
      sha256(),
      from,
      (async function* () {
        yield* list
      })(),
    ),
  )
}

async function refusal(work: Promise<unknown>): Promise<AllmendError> {
  const error = await errorOf(work)
  expect(exitCodeOf(error)).toBe(7)
  return error
}

beforeAll(async () => {
  pool = await startTestPool({ providers: 3 })
  const { alice } = pool
  for (const name of ['a', 'b', 'c']) await makeFolder(alice, { path: `/home/${name}` })
  await remove(alice, { path: '/home/b' })
  await alice.log.prove({ points: [], prefixes: [], covers: await alice.log.size() })
  bundle = await collect((await exportLog(await pool.client(), sha256())).bytes)
  const reader = await readBundle(nodePrimitives, sha256(), pieces(bundle))
  header = reader.header
  for await (const entry of reader.entries) entries.push(entry)
})
afterAll(() => pool.close())

test('as it was exported: all of it holds', async () => {
  const { verdict } = await verify(bundle, pool.alice.identity.pool)
  expect(verdict.size).toBe(entries.length)
  expect(verdict.kinds).toMatchObject({ genesis: 1, memberRecord: 1, certificate: 1, operation: 5 })
  expect(verdict.voids).toBe(0)
  expect(Buffer.from(await remake(header, entries)).equals(bundle)).toBe(true)
})

test('of another pool than the one that is known here', async () => {
  await refusal(verify(bundle, new Uint8Array(32)))
})

test('fuzz: bytes flipped, cut short at each length: never passes, and what is named is not behind the damage', async () => {
  /** Where each entry's frame ends. */
  const ends: number[] = []
  const prefix = await remake(header, [])
  let end = prefix.length - 37
  for (const entry of entries) ends.push((end += (await remake(header, [entry])).length - prefix.length))
  for (let at = 0; at < bundle.length; at += STEP) {
    const bent = bundle.slice()
    bent[at]! ^= 1 << (at % 8)
    const error = await refusal(verify(bent))
    const entry = ends.findIndex((frameEnd) => at < frameEnd)
    if (at >= prefix.length - 37 && entry >= 0)
      expect(error.facts['index'], `byte ${at} of ${prefix.length - 37}: ${error.message}`).toBe(entry)
  }
  for (let length = 0; length < bundle.length; length += 7) await refusal(verify(bundle.slice(0, length)))
  await refusal(verify(Buffer.concat([bundle, Uint8Array.of(0)])))
})

describe('remade with sound checksums', () => {
  const first = async (list: readonly BundleEntry[], from = header) =>
    (await refusal(verify(await remake(from, list)))).facts['index']

  test('entries dropped, doubled, in another order', async () => {
    expect(await first([...entries.slice(0, 5), ...entries.slice(6)])).toBe(5)
    expect(await first([...entries.slice(0, 5), entries[4]!, ...entries.slice(5)])).toBe(5)
    expect(await first([...entries.slice(0, 5), entries[6]!, entries[5]!, ...entries.slice(7)])).toBe(5)
    expect(await first(entries.slice(1))).toBe(0)
    expect(await first(entries.slice(0, -1))).toBe(entries.length - 1)
  })

  test('an operation’s body, signature, changes and what it touches', async () => {
    const at = entries.findIndex(({ changes }) => changes.length > 0)
    const { leaf, changes } = entries[at]!
    const entry = entryCodec.decode(leaf)
    const flip = (bytes: Uint8Array) => {
      const copy = bytes.slice()
      copy[copy.length - 1]! ^= 1
      return copy
    }
    const bent: BundleEntry[] = [
      { leaf: entryCodec.encode({ ...entry, body: flip(entry.body) }), changes },
      { leaf: entryCodec.encode({ ...entry, signatures: flip(entry.signatures) }), changes },
      { leaf: entryCodec.encode({ ...entry, touched: flip(entry.touched) }), changes },
      { leaf: entryCodec.encode({ ...entry, index: entry.index + 1 }), changes },
      { leaf, changes: changes.map(flip) },
      { leaf, changes: [] },
      { leaf, changes: [...changes, changes[0]!] },
    ]
    for (const item of bent) expect(await first(entries.with(at, item))).toBe(at)
  })

  test('times: what the log has signed is another root', async () => {
    const entry = entryCodec.decode(entries[3]!.leaf)
    const leaf = entryCodec.encode({ ...entry, time: entry.time + 1 })
    await refusal(verify(await remake(header, entries.with(3, { ...entries[3]!, leaf }))))
    const back = entryCodec.encode({ ...entry, time: 1 })
    expect(await first(entries.with(3, { ...entries[3]!, leaf: back }))).toBe(3)
  })

  test('receipts of heads that are not the log’s', async () => {
    const receipts = [{ size: 4, root: new Uint8Array(32), block: 9 }]
    await refusal(verify(await remake({ ...header, receipts }, entries)))
    const audit = new LogAudit(nodePrimitives)
    for (const { leaf, changes } of entries.slice(0, 4)) audit.add(leaf, changes)
    const sound = await remake({ ...header, receipts: [{ size: 4, root: audit.root(4), block: 9 }] }, entries)
    const { verdict } = await verify(sound)
    expect(verdict.anchored).toMatchObject({ size: 4, block: 9 })
    expect(verdict.tail.entries).toBe(entries.length - 4)
  })
})
