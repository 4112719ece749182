import { createSocket } from 'node:dgram'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import { freeUdpPort } from '../udp/free-udp-port.ts'
import type { FoundNode, LanNodesOptions } from './lan-nodes.ts'
import { LanNodes } from './lan-nodes.ts'
import { decodeLanRecord, encodeLanRecord, lanNames } from './lan-record.ts'

const pool = new Uint8Array(32).fill(3)
const key = (value: number) => new Uint8Array(32).fill(value)
const NOW = 1_800_000_000_000
const DAY = 24 * 3_600_000

const opened: LanNodes[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((nodes) => nodes.close()))
})

/** On loopback, on a port of its own. */
function open(port: number, options: Partial<LanNodesOptions> = {}): LanNodes {
  const nodes = new LanNodes({
    primitives,
    pool,
    now: () => NOW,
    port,
    interfaces: () => ['127.0.0.1'],
    onFailure: (error) => {
      throw error
    },
    ...options,
  })
  opened.push(nodes)
  return nodes
}

test('nodes of a pool find each other, in whichever order they come, and others find nobody', async () => {
  const port = await freeUdpPort()
  const foundBy = [Promise.withResolvers<FoundNode>(), Promise.withResolvers<FoundNode>()]
  const strangers: FoundNode[] = []
  open(port, { pool: new Uint8Array(32), onNode: (node) => strangers.push(node) })
  const first = open(port, { self: { key: key(1), tls: 4001 }, onNode: (node) => foundBy[0]!.resolve(node) })
  open(port, { self: { key: key(2), udp: 4002 }, onNode: (node) => foundBy[1]!.resolve(node) })
  const [second, again] = await Promise.all(foundBy.map(({ promise }) => promise))
  expect(second).toEqual({ key: key(2), udp: 4002, host: '127.0.0.1' })
  expect(again).toEqual({ key: key(1), tls: 4001, host: '127.0.0.1' })
  expect(first.find(key(2))?.udp).toBe(4002)
  expect(first.find(key(1))).toBeUndefined()
  expect(strangers).toEqual([])
  // Who only looks is told at once too.
  const late = Promise.withResolvers<FoundNode>()
  open(port, { onNode: (node) => late.resolve(node), now: () => NOW + DAY })
  await late.promise
})

test('garbage, floods and records of others cost nothing', async () => {
  const port = await freeUdpPort()
  const found = Promise.withResolvers<FoundNode>()
  const failures: Error[] = []
  const nodes = open(port, {
    onNode: (node) => found.resolve(node),
    onFailure: (error) => failures.push(error),
  })
  const attacker = createSocket('udp4')
  const send = (bytes: Uint8Array) =>
    new Promise<void>((resolve) => attacker.send(bytes, port, '127.0.0.1', () => resolve()))
  for (let i = 0; i < 2_000; i++) await send(new Uint8Array(i % 1_400).fill(i))
  await send(new Uint8Array(60_000).fill(0xc0))
  attacker.close()
  expect(nodes.list()).toEqual([])
  // A second later the flood is forgotten.
  open(port, { self: { key: key(7), udp: 7 } })
  expect((await found.promise).key).toEqual(key(7))
  // What can't be parsed is told, at most as fast as packets are taken.
  expect(failures.length).toBeLessThanOrEqual(400)
})

test('a record says key and ports to those who know the pool, and nothing twice to others', () => {
  const names = lanNames(primitives, pool, NOW)
  const node = { key: key(9), udp: 65_535, tls: 1 }
  const record = encodeLanRecord(primitives, pool, names.now, names.days.get(names.now)!, node)
  const received = { ...record, data: (record.data as string[]).map((text) => Buffer.from(text)) }
  expect(decodeLanRecord(primitives, pool, names.days, received)).toEqual(node)
  const other = new Uint8Array(32)
  expect(decodeLanRecord(primitives, other, lanNames(primitives, other, NOW).days, received)).toBeUndefined()
  const days = new Map([...names.days].map(([name, day]) => [name, day + 1]))
  expect(decodeLanRecord(primitives, pool, days, received)).toBeUndefined()
  const tomorrow = lanNames(primitives, pool, NOW + DAY)
  expect(tomorrow.days.has(names.now)).toBe(true)
  expect(lanNames(primitives, pool, NOW + 2 * DAY).days.has(names.now)).toBe(false)
  const next = encodeLanRecord(primitives, pool, tomorrow.now, tomorrow.days.get(tomorrow.now)!, node)
  expect((next.data as string[]).slice(0, 2).some((text) => (record.data as string[]).includes(text))).toBe(
    false,
  )
  expect(JSON.stringify(record)).not.toContain(toHex(node.key))
})

test('whatever a record holds, it is a node of the pool or nothing (fuzz)', () => {
  const names = lanNames(primitives, pool, NOW)
  const good = encodeLanRecord(primitives, pool, names.now, names.days.get(names.now)!, {
    key: key(9),
    udp: 5,
  })
  const strings = (good.data as string[]).map((text) => Buffer.from(text))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2), fc.nat(), fc.nat(255)), { maxLength: 4 }),
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.constantFrom('x', 1, undefined)), {
        maxLength: 4,
      }),
      (edits, more) => {
        const data: unknown[] = strings.map((bytes) => Buffer.from(bytes))
        for (const [which, at, value] of edits) {
          const bytes = data[which] as Buffer
          bytes[at % bytes.length] = value
        }
        const node = decodeLanRecord(primitives, pool, names.days, { ...good, data: [...data, ...more] })
        if (node === undefined) return
        expect(node.key).toEqual(key(9))
        for (const port of [node.udp, node.tls])
          if (port !== undefined) expect(port >= 1 && port <= 65_535).toBe(true)
      },
    ),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})
