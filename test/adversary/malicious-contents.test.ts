/**
 * Attack 4 on contents: a tracker that serves a file's true newest change, which the map proves, with other contents than that change
 * names. All versions are as long as each other, so that nothing else tells them apart.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { cat } from '../../src/client/operations/cat.ts'
import type { Client } from '../../src/client/client.ts'
import { commit } from '../../src/client/commit.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { move } from '../../src/client/operations/move.ts'
import { put } from '../../src/client/operations/put.ts'
import { createChange, folderOf, metaChange } from '../../src/client/tree/node-changes.ts'
import { equalBytes, toHex } from '../../src/core/open/bytes.ts'
import { ConflictError, NotEnoughProvidersError } from '../../src/core/open/errors.ts'
import { leafHash, merklePath } from '../../src/core/open/merkle.ts'
import { CHANGE_KIND, changeCodec } from '../../src/core/open/objects/change.ts'
import { evidenceCodec } from '../../src/client/log/log-evidence.ts'
import { changesRoot, emptyHead, operationCodec } from '../../src/core/open/objects/operation.ts'
import { signObject } from '../../src/core/open/objects/signed.ts'
import { ZERO_ID } from '../../src/core/open/objects/suite.ts'
import type { NodesAnswer, NodeView, OperationView } from '../../src/core/open/protocol/tracker-methods.ts'
import * as methods from '../../src/core/open/protocol/tracker-methods.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { errorOf, expectCaught, openVictim, startVictimPool } from '../fixtures/log/log-victim.ts'
import type { Meddler } from '../fixtures/meddling-transport.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'
import type { TestPool } from '../fixtures/test-pool.ts'

const random = randomFrom(11)
const versions = Array.from({ length: 3 }, () => random.bytes(5_000))

let pool: TestPool
let tracker: Meddler
let client: Client
let local: string

beforeAll(async () => {
  pool = await startVictimPool()
  local = path.join(await pool.scratch('in'), 'file')
})
afterAll(() => pool.close())
beforeEach(async () => {
  ;({ client, tracker } = await openVictim(pool))
  return () => client.close()
})

/** Puts a version at this path, as alice. */
async function putVersion(version: number, target: string): Promise<void> {
  fs.writeFileSync(local, versions[version]!)
  await put(pool.alice, { sources: [local], target })
}

interface Served {
  readonly view: NodeView
  readonly operations: readonly OperationView[]
}

/** What the tracker serves of a node now. */
async function served(at: string): Promise<Served> {
  const { alice } = pool
  alice.trees.forget()
  const { id, space } = await alice.trees.resolve(at)
  const { nodes, operations } = await alice.tracker.call(methods.getNodes, { space: space.id, nodes: [id] })
  return { view: nodes[0]!, operations }
}

/** From now on the victim is served this node's contents from what was kept. */
function serveContent(
  kept: Served,
  bend: (content: NodeView['content']) => NodeView['content'] = (it) => it,
) {
  tracker.on(methods.listChildren, async (_, ask) => {
    const answer: NodesAnswer = await ask()
    const shift = answer.operations.length
    const old = kept.view.content!
    const content = bend({ ...old, operation: old.operation + shift })
    return {
      ...answer,
      operations: [...answer.operations, ...kept.operations],
      nodes: answer.nodes.map((view) =>
        equalBytes(view.node, kept.view.node) ? { ...view, content } : view,
      ),
    }
  })
}

async function bytesOf(at: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  client.trees.forget()
  for await (const part of cat(client, { path: at })) parts.push(part)
  return Buffer.concat(parts)
}

/** Two versions in a folder of their own, of which the first is kept; then `after` makes the newest change. */
async function hidden(name: string, after: (file: string) => Promise<string>): Promise<[Served, string]> {
  const folder = `/home/${name}`
  await makeFolder(pool.alice, { path: folder })
  await putVersion(0, `${folder}/file`)
  const kept = await served(`${folder}/file`)
  await putVersion(1, `${folder}/file`)
  return [kept, await after(`${folder}/file`)]
}

const newestKind = async (at: string): Promise<number> =>
  changeCodec.decode((await served(at)).view.meta.change).kind

describe('4: a write is kept back below a newer change that has no contents', () => {
  test.each<[string, number, (file: string) => Promise<string>]>([
    [
      'a rename',
      CHANGE_KIND.meta,
      async (file) => {
        await move(pool.alice, { from: file, to: `${file}2` })
        return `${file}2`
      },
    ],
    [
      'a move',
      CHANGE_KIND.move,
      async (file) => {
        const to = `${file.replace('/file', '')}-moved`
        await makeFolder(pool.alice, { path: to })
        await move(pool.alice, { from: file, to: `${to}/file` })
        return `${to}/file`
      },
    ],
    [
      'new keys, because the folder above has moved',
      CHANGE_KIND.rotate,
      async (file) => {
        const from = file.replace('/file', '')
        const to = `${from}-2`
        await makeFolder(pool.alice, { path: `${from}-above` })
        await move(pool.alice, { from, to: `${from}-above/${to.split('/').at(-1)}` })
        const now = `${from}-above/${to.split('/').at(-1)}/file`
        // Whoever puts the same bytes with another time writes metadata alone, after new keys.
        fs.utimesSync(local, new Date(), new Date(2e9))
        await put(pool.alice, { sources: [local], target: now })
        return now
      },
    ],
  ])('%s', async (what, kind, after) => {
    const [kept, at] = await hidden(what.replaceAll(/\W/g, ''), after)
    const kinds = [
      await newestKind(at),
      changeCodec.decode((await served(at)).view.generations.at(-1)!.change).kind,
    ]
    expect(kinds).toContain(kind)
    expect(await bytesOf(at)).toEqual(Buffer.from(versions[1]!))
    serveContent(kept)
    const error = await expectCaught(bytesOf(at), /other contents of a node/)
    expect(tracker.count).toBeGreaterThan(0)
    const { answer } = evidenceCodec.decode(fs.readFileSync(error.facts['evidence'] as string))
    expect(answer?.[0]).toBe(methods.getNodes.id)
    const [view] = methods.getNodes.response.decode(answer![1]).nodes
    expect(toHex(view!.content!.change)).toBe(toHex(kept.view.content!.change))
    tracker.honest()
    expect(await bytesOf(at)).toEqual(Buffer.from(versions[1]!))
  })
})

describe('6: of two children of one name', () => {
  test('the later is said to be the first', async () => {
    const { alice } = pool
    await makeFolder(alice, { path: '/home/twins' })
    const folder = await alice.trees.resolve('/home/twins')
    const metadata = { ...folder.metadata, name: 'twin' }
    const twins: { id: Uint8Array; index: number }[] = []
    for (const _ of ['first', 'second']) {
      const change = createChange(alice, folderOf(folder), metadata)
      twins.push({ id: change.node, index: (await commit(alice, folder.space, [change])).index })
    }
    alice.trees.forget()
    // Both have newer changes than their creation.
    const { byName, conflicts } = await alice.trees.children(await alice.trees.resolve('/home/twins'))
    for (const node of [byName.get('twin')!, ...conflicts])
      await commit(alice, folder.space, [metaChange(alice, node, { ...metadata, mode: 0o700 })])
    const firstOf = async (): Promise<string> => {
      client.trees.forget()
      const found = await client.trees.resolve('/home/twins/twin')
      return toHex(found.id)
    }
    expect(await firstOf()).toBe(toHex(twins[0]!.id))
    const places = new Map([
      [twins[0]!.index, twins[1]!.index],
      [twins[1]!.index, twins[0]!.index],
    ])
    const serve = (placeOf: (index: number) => number) =>
      tracker.on(methods.listChildren, async (_, ask) => {
        const answer = await ask()
        const operations = answer.operations.map((view) => ({ ...view, index: placeOf(view.index) }))
        return { ...answer, operations }
      })
    serve((index) => places.get(index) ?? index)
    await expectCaught(firstOf(), /the place of another/)
    serve((index) => (index === twins[0]!.index ? index + 100_000 : index))
    await expect(firstOf()).rejects.toBeInstanceOf(NotEnoughProvidersError)
    tracker.honest()
    expect(await firstOf()).toBe(toHex(twins[0]!.id))
  })
})

describe('4: contents that the newest change does not name', () => {
  test('a write that was signed and refused: the log never had it', async () => {
    await makeFolder(pool.alice, { path: '/home/refused' })
    await putVersion(0, '/home/refused/file')
    const writer = await openVictim(pool)
    let refused: Parameters<typeof methods.commitOperation.request.encode>[0] | undefined
    writer.tracker.on(methods.commitOperation, (request) => {
      refused = request
      throw new ConflictError('not now')
    })
    fs.writeFileSync(local, versions[2]!)
    const error = await errorOf(put(writer.client, { sources: [local], target: '/home/refused/file' }))
    expect(error).toBeInstanceOf(ConflictError)
    await writer.client.close()
    const { operation, changes } = refused!
    const place = changes.findIndex((encoded) => changeCodec.decode(encoded).kind === CHANGE_KIND.write)
    const { sha256 } = nodePrimitives
    const leaves = changes.map((encoded) => leafHash(sha256, encoded))
    let file = '/home/refused/file'
    // Far enough from the refused one that no base shows it.
    for (let i = 0; i < 3; i++) {
      await move(pool.alice, { from: file, to: `${file}+` })
      file += '+'
    }
    const { view, operations } = await served(file)
    const { index, time } = operations[0]!
    serveContent({
      view: {
        ...view,
        content: { operation: 0, place, change: changes[place]!, path: merklePath(sha256, leaves, place) },
      },
      operations: [{ index, time, signed: operation, count: changes.length }],
    })
    await expectCaught(bytesOf(file), /other contents of a node/)
    expect(tracker.count).toBeGreaterThan(0)
    tracker.honest()
    expect(await bytesOf(file)).toEqual(Buffer.from(versions[0]!))
  })

  test('none, and the newest change itself, which has none', async () => {
    const [kept, at] = await hidden('none', async (file) => {
      await move(pool.alice, { from: file, to: `${file}2` })
      return `${file}2`
    })
    serveContent(kept, () => undefined)
    await expectCaught(bytesOf(at), /other contents of a node|older change/)
    const now = await served(at)
    serveContent({ ...now, view: { ...now.view, content: now.view.meta } })
    await expectCaught(bytesOf(at), /other contents of a node/)
  })
})

test('a file whose newest change is from before there was a log: its contents are believed until the next', async () => {
  await makeFolder(pool.alice, { path: '/home/before' })
  await putVersion(0, '/home/before/file')
  pool.alice.trees.forget()
  const file = await pool.alice.trees.resolve('/home/before/file')
  // As the first version signed it, on a device that has named no head yet.
  const old = await pool.device('old')
  const { identity, primitives } = old
  const { content: _, ...change } = changeCodec.decode(metaChange(old, file, file.metadata).encoded)
  const changes = [changeCodec.encode(change)]
  const operation = signObject(
    primitives,
    'operation',
    identity.pool,
    identity.device.signSeed,
    operationCodec,
    {
      v: 1,
      suite: 1,
      space: file.space.id,
      epoch: file.space.epoch,
      member: identity.member,
      device: identity.device.deviceId,
      counter: 1,
      prevOp: ZERO_ID,
      head: emptyHead(primitives),
      via: [],
      root: changesRoot(primitives, changes),
    },
  )
  await old.tracker.call(methods.commitOperation, { operation, changes })
  expect(await bytesOf('/home/before/file')).toEqual(Buffer.from(versions[0]!))
  pool.alice.trees.forget()
  await move(pool.alice, { from: '/home/before/file', to: '/home/before/file2' })
  expect(await bytesOf('/home/before/file2')).toEqual(Buffer.from(versions[0]!))
  const named = changeCodec.decode((await served('/home/before/file2')).view.meta.change)
  expect(toHex(named.content!)).toBe(toHex(file.content!.id))
})
