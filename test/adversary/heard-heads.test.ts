/** What providers say of the log reaches the clients that read from them, and is held against what the tracker shows. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { get } from '../../src/client/operations/get.ts'
import { put } from '../../src/client/operations/put.ts'
import { ForkedError } from '../../src/core/open/errors.ts'
import { signCheckpoint } from '../../src/core/open/log/heads/checkpoint.ts'
import { presentTicket } from '../../src/core/open/protocol/provider-methods.ts'
import { errorOf, openVictim, startVictimPool } from '../fixtures/log/log-victim.ts'
import { Meddler, meddlingTransport } from '../fixtures/meddling-transport.ts'
import type { TestPool } from '../fixtures/test-pool.ts'

let pool: TestPool
let scratch: string
beforeAll(async () => {
  pool = await startVictimPool()
  scratch = await pool.scratch('heard')
  fs.writeFileSync(path.join(scratch, 'file'), 'a file of some bytes')
  await put(pool.alice, { sources: [path.join(scratch, 'file')], target: '/home/a/' })
})
afterAll(() => pool.close())

test('providers name the head that they have cosigned; one of another history freezes the client', async () => {
  const { client: seen } = await openVictim(pool)
  await seen.close()
  const provider = new Meddler()
  const client = await pool.reopen(seen, {
    wrap: (transport) =>
      pool.providers.reduce((inner, { id }) => meddlingTransport(inner, id, provider), transport),
  })
  const heads: number[] = []
  provider.on(presentTicket, async (_, ask) => {
    const answer = await ask()
    if (answer.head !== undefined) heads.push(answer.head.size)
    return answer
  })
  const fetch = (name: string) => get(client, { sources: ['/home/a/file'], target: path.join(scratch, name) })
  expect((await fetch('honest')).failed).toEqual([])
  await client.heard.settled()
  expect(heads.length).toBeGreaterThan(0)
  expect(Math.min(...heads)).toBeGreaterThan(0)

  // A provider without the log's key makes up what it likes.
  client.heard.hear({ size: 5, root: new Uint8Array(32), signature: new Uint8Array(64) })
  await client.heard.settled()
  const logSeed = fs.readFileSync(path.join(pool.folder, 'tracker', 'log.key'))
  const { size } = client.log.current!.checkpoint
  const { root, signature } = signCheckpoint(nodePrimitives, client.log.identity, logSeed, {
    size,
    root: new Uint8Array(32),
  })
  client.heard.hear({ size, root, signature })
  expect(await errorOf(client.heard.settled())).toBeInstanceOf(ForkedError)
  expect((await client.log.pins()).forked).toBeDefined()
  await client.close()
})
