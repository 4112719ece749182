/** A tracker that lies as far as it can without a member's keys: a typed error each time, no plaintext, no write. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { nodeRandom } from '../../src/adapters/native/node-random.ts'
import type { Client } from '../../src/client/client.ts'
import { get } from '../../src/client/operations/get.ts'
import { list } from '../../src/client/operations/list.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { put } from '../../src/client/operations/put.ts'
import { remove } from '../../src/client/operations/remove.ts'
import { equalBytes, toHex } from '../../src/core/open/bytes.ts'
import { AllmendError, ConflictError, MalformedError, UntrustedError } from '../../src/core/open/errors.ts'
import { certificateCodec } from '../../src/core/open/objects/identity.ts'
import { operationCodec } from '../../src/core/open/objects/operation.ts'
import { signObject } from '../../src/core/open/objects/signed.ts'
import * as methods from '../../src/core/open/protocol/tracker-methods.ts'
import type { NodesAnswer, NodeView } from '../../src/core/open/protocol/tracker-methods.ts'
import { createDeviceKeys } from '../../src/core/secret/device-keys.ts'
import type { Meddler } from '../fixtures/meddling-transport.ts'
import type { MeddledPool } from '../fixtures/meddled-pool.ts'
import { startMeddledPool } from '../fixtures/meddled-pool.ts'

let pool: MeddledPool
let tracker: Meddler
let client: Client

beforeAll(async () => void (pool = await startMeddledPool()))
afterAll(() => pool.close())
beforeEach(async () => void ({ tracker, client } = await pool.open()))
afterEach(() => client.close())

const errorsOfGet = (source?: string) => pool.errorsOfGet(client, source)
const expectUntrusted = (source?: string) => pool.expectUntrusted(client, tracker, source)

/** Bends the children of folders with at least `least` of them. */
function bendChildren(least: number, bend: (answer: NodesAnswer) => NodesAnswer): void {
  tracker.on(methods.listChildren, async (_, ask) => {
    const answer = await ask()
    return answer.nodes.length >= least ? bend(answer) : answer
  })
}
const withNodes = (answer: NodesAnswer, nodes: readonly NodeView[]): NodesAnswer => ({
  ...answer,
  nodes: [...nodes],
})

test('the honest tracker: everything comes out', async () => {
  expect(await errorsOfGet()).toEqual([])
})

describe('attack 6: swaps', () => {
  test('the metadata of two files', async () => {
    bendChildren(2, (answer) => {
      const [a, b, ...others] = answer.nodes
      return withNodes(answer, [{ ...a!, meta: b!.meta }, { ...b!, meta: a!.meta }, ...others])
    })
    await expectUntrusted('/home/a')
  })

  test('the contents of two files', async () => {
    bendChildren(2, (answer) => {
      const [a, b, ...others] = answer.nodes
      return withNodes(answer, [{ ...a!, content: b!.content }, { ...b!, content: a!.content }, ...others])
    })
    await expectUntrusted('/home/a')
  })

  test('whole files under each other’s ids', async () => {
    bendChildren(2, (answer) => {
      const [a, b, ...others] = answer.nodes
      return withNodes(answer, [{ ...a!, node: b!.node }, { ...b!, node: a!.node }, ...others])
    })
    await expectUntrusted('/home/a')
  })

  test('another folder’s children', async () => {
    const other = await client.trees.resolve('/home/b')
    const mine = await client.trees.resolve('/home/a')
    client.trees.forget()
    tracker.on(methods.listChildren, (request, ask) =>
      ask(equalBytes(request.node, mine.id) ? { ...request, node: other.id } : request),
    )
    await expectUntrusted('/home/a')
  })

  test('the root for a folder, and another space’s root', async () => {
    const second = (await client.trees.roots()).get('second')!
    const folder = await client.trees.resolve('/home/a')
    client.trees.forget()
    for (const [space, node] of [
      [folder.space.id, folder.id],
      [second.space.id, second.id],
    ] as const) {
      tracker.on(methods.getNodes, (_, ask) => ask({ space, nodes: [node] }))
      await expectUntrusted('/home')
    }
    tracker.on(methods.getNodes, () => ({ operations: [], nodes: [], cursor: undefined }))
    await expectUntrusted('/home')
  })

  test('the proofs, places and operations of changes', async () => {
    const bends: ((view: NodeView, answer: NodesAnswer) => NodeView)[] = [
      (view) => ({ ...view, meta: { ...view.meta, place: view.meta.place + 1 } }),
      (view) => ({ ...view, meta: { ...view.meta, path: [new Uint8Array(32), ...view.meta.path] } }),
      (view, answer) => ({ ...view, meta: { ...view.meta, operation: answer.operations.length } }),
      (view, answer) => ({
        ...view,
        meta: { ...view.meta, operation: (view.meta.operation + 1) % answer.operations.length },
      }),
      (view) => ({ ...view, meta: { ...view.meta, change: flipped(view.meta.change) } }),
      (view) => ({ ...view, generations: [] }),
    ]
    for (const bend of bends) {
      client.trees.forget()
      bendChildren(2, (answer) =>
        withNodes(
          answer,
          answer.nodes.map((view) => bend(view, answer)),
        ),
      )
      const errors = await errorsOfGet('/home/a')
      expect(errors.length).toBeGreaterThan(0)
      for (const error of errors)
        expect(error instanceof UntrustedError || error instanceof MalformedError).toBe(true)
    }
  })

  test('the generations of a node that was moved', async () => {
    const bends: ((generations: NodeView['generations']) => NodeView['generations'])[] = [
      (generations) => generations.toReversed(),
      (generations) => generations.slice(0, 1),
      (generations) => generations.slice(1),
      (generations) => [...generations, ...generations.slice(-1)],
    ]
    for (const bend of bends) {
      client.trees.forget()
      bendChildren(1, (answer) =>
        withNodes(
          answer,
          answer.nodes.map((view) =>
            view.generations.length > 1 ? { ...view, generations: [...bend(view.generations)] } : view,
          ),
        ),
      )
      await expectUntrusted('/home')
    }
  })
})

describe('attack 4: replays', () => {
  /** What the tracker served of /home/new when `old` was its content. */
  let before: NodeView
  let operation: methods.OperationView
  let newest: NodeView
  beforeAll(async () => {
    const { alice } = pool
    const folder = await pool.scratch('versions')
    const putVersion = async (name: string) => {
      fs.writeFileSync(path.join(folder, name), pool.contents[name]!)
      await put(alice, { sources: [path.join(folder, name)], target: '/home/new' })
      const root = (await alice.trees.roots()).get('home')!
      const found = await alice.trees.resolve('/home/new')
      const answer = await alice.tracker.call(methods.getNodes, { space: root.space.id, nodes: [found.id] })
      return { view: answer.nodes[0]!, operation: answer.operations.at(-1)! }
    }
    const old = await putVersion('old')
    before = old.view
    operation = old.operation
    newest = (await putVersion('new')).view
  })

  const serve = (bend: (view: NodeView, at: number) => NodeView) =>
    bendChildren(1, (answer) => ({
      ...answer,
      operations: [...answer.operations, operation],
      nodes: answer.nodes.map((view) =>
        equalBytes(view.node, newest.node) ? bend(view, answer.operations.length) : view,
      ),
    }))

  test('an old content beside the newest metadata', async () => {
    serve((view, at) => ({ ...view, content: { ...before.content!, operation: at } }))
    await expectUntrusted('/home')
  })

  test('old metadata as the newest', async () => {
    serve((view, at) => ({ ...view, meta: { ...before.meta, operation: at } }))
    await expectUntrusted('/home')
  })

  test('another version or head than the newest change has', async () => {
    for (const bend of [
      (view: NodeView) => ({ ...view, version: view.version + 1 }),
      (view: NodeView) => ({ ...view, version: view.version - 1 }),
      (view: NodeView) => ({ ...view, head: before.head }),
    ]) {
      client.trees.forget()
      serve(bend)
      await expectUntrusted('/home')
    }
  })

  test('the place from before a move', async () => {
    bendChildren(1, (answer) =>
      withNodes(
        answer,
        answer.nodes.map((view) =>
          view.generations.length > 1
            ? { ...view, generations: view.generations.slice(0, 1), meta: view.generations[0]! }
            : view,
        ),
      ),
    )
    await expectUntrusted('/home')
  })
})

describe('attacks 2 and 3: keys and devices that no member signed', () => {
  /** Re-signs every operation by a device of the tracker's making. */
  const resign = async (asMember: boolean) => {
    const device = await createDeviceKeys(nodePrimitives, nodeRandom)
    const { identity } = client
    tracker.on(methods.listChildren, async (_, ask) => {
      const answer = await ask()
      return {
        ...answer,
        operations: answer.operations.map((view) => {
          const operation = operationCodec.decode(view.signed[0])
          const device_ = asMember ? operation.device : device.deviceId
          return {
            ...view,
            signed: signObject(nodePrimitives, 'operation', identity.pool, device.signSeed, operationCodec, {
              ...operation,
              device: device_,
            }),
          }
        }),
      }
    })
    return device
  }

  test('operations of an unknown device, and of a known one with another signature', async () => {
    await resign(false)
    await expectUntrusted('/home/a')
    client.trees.forget()
    await resign(true)
    await expectUntrusted('/home/a')
  })

  test('a certificate of the tracker’s own making', async () => {
    const device = await resign(false)
    tracker.on(methods.resolveMember, async (_, ask) => {
      const { member } = await ask()
      const [first] = member!.certificates
      const certificate = certificateCodec.decode(first![0])
      const forged = signObject(
        nodePrimitives,
        'certificate',
        client.identity.pool,
        device.signSeed,
        certificateCodec,
        { ...certificate, device: device.deviceId, sign: nodePrimitives.ed25519Public(device.signSeed) },
      )
      return {
        member: {
          ...member!,
          certificates: [...member!.certificates, [forged[0], forged[1], forged[1]] as const],
        },
      }
    })
    await expectUntrusted('/home/a')
  })

  test('another member’s record, or none', async () => {
    tracker.on(methods.resolveMember, () => ({ member: undefined }))
    await expectUntrusted('/home/a')
    client.trees.forget()
    tracker.on(methods.resolveMember, async (_, ask) => {
      const { member } = await ask()
      return { member: { ...member!, record: [flipped(member!.record[0]), member!.record[1]] as const } }
    })
    const errors = await errorsOfGet('/home/a')
    expect(errors.length).toBeGreaterThan(0)
  })
})

test('attack 6: a space with another’s genesis, or changed changes', async () => {
  tracker.on(methods.listSpaces, async (_, ask) => {
    const { spaces } = await ask()
    const [a, b] = spaces
    return { spaces: [{ ...a!, genesis: b!.genesis, changes: b!.changes }, b!] }
  })
  await expectUntrusted('/home')
  client.trees.forget()
  tracker.on(methods.listSpaces, async (_, ask) => {
    const { spaces } = await ask()
    const [a, b] = spaces
    return { spaces: [{ ...a!, changes: b!.changes }, b!] }
  })
  await expectUntrusted('/home')
  client.trees.forget()
  tracker.on(methods.listSpaces, async (_, ask) => {
    const { spaces } = await ask()
    return { spaces: [spaces[0]!, spaces[0]!] }
  })
  await expectUntrusted('/home')
})

test('pages without end: of the same children, and of none', async () => {
  const cursor = Uint8Array.of(1)
  tracker.on(methods.listChildren, async (request, ask) => ({
    ...(await ask({ ...request, cursor: undefined })),
    cursor,
  }))
  await expectUntrusted('/home/a')
  client.trees.forget()
  tracker.on(methods.listChildren, () => ({ operations: [], nodes: [], cursor }))
  await expectUntrusted('/home/a')
})

test('what can be read is, where a part of the tree cannot, also with progress', async () => {
  const mine = await client.trees.resolve('/home/a')
  client.trees.forget()
  tracker.on(methods.listChildren, async (request, ask) => {
    const answer = await ask()
    if (!equalBytes(request.node, mine.id)) return answer
    return { ...answer, nodes: answer.nodes.map((view) => ({ ...view, version: view.version + 1 })) }
  })
  const target = path.join(await pool.scratch('part'), 'got')
  const { failed } = await get(client, { sources: ['/home'], target, onProgress: () => undefined })
  expect(failed.map(({ path }) => path)).toEqual(['/home/a'])
  expect(failed[0]!.error).toBeInstanceOf(UntrustedError)
  expect(fs.readFileSync(path.join(target, 'b', 'three'))).toEqual(Buffer.from(pool.contents['three']!))
})

describe('attack 11: operations that were acknowledged and forgotten', () => {
  test('nothing is written', async () => {
    let commits = 0
    tracker.watch(methods.commitOperation, () => commits++)
    tracker.on(methods.deviceState, async (_, ask) => {
      const state = await ask()
      return { ...state, counter: state.counter - 1 }
    })
    await expect(makeFolder(client, { path: '/home/x' })).rejects.toBeInstanceOf(UntrustedError)
    tracker.on(methods.deviceState, async (_, ask) => ({ ...(await ask()), prevOp: new Uint8Array(32) }))
    await expect(makeFolder(client, { path: '/home/x' })).rejects.toBeInstanceOf(ConflictError)
    tracker.on(methods.deviceState, async (_, ask) => {
      const state = await ask()
      return { ...state, counter: state.counter + 5 }
    })
    await expect(makeFolder(client, { path: '/home/x' })).rejects.toBeInstanceOf(ConflictError)
    expect(commits).toBe(0)
  })

  test('a commit that was made and denied is found again, and its counter is not used twice', async () => {
    const operations: Uint8Array[] = []
    tracker.on(methods.commitOperation, async (request, ask) => {
      operations.push(request.operation[0])
      await ask()
      throw new UntrustedError('no')
    })
    await expect(makeFolder(client, { path: '/home/x' })).rejects.toBeInstanceOf(AllmendError)
    tracker.honest()
    tracker.watch(methods.commitOperation, ({ operation }) => operations.push(operation[0]))
    await makeFolder(client, { path: '/home/y' })
    // The same bytes may be sent again; other bytes need another counter.
    const different = [...new Map(operations.map((body) => [toHex(body), body])).values()]
    const counters = different.map((body) => operationCodec.decode(body).counter)
    expect(counters).toHaveLength(2)
    expect(new Set(counters).size).toBe(counters.length)
    const names: string[] = []
    client.trees.forget()
    for await (const { name } of list(client, { path: '/home' })) names.push(name)
    expect(names).toEqual(expect.arrayContaining(['x', 'y']))
    await remove(client, { path: '/home/x' })
    await remove(client, { path: '/home/y' })
  })
})

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  copy[copy.length >> 1]! ^= 1
  return copy
}
