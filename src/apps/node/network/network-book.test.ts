import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toBase64Url } from '../../../core/open/bytes.ts'
import type { NetworkPeer } from '../../../core/open/protocol/network-methods.ts'
import {
  NAT_CONSISTENT,
  NAT_OPEN,
  NODE_PROVIDER,
  NODE_TRACKER,
} from '../../../core/open/protocol/network-methods.ts'
import { NetworkBook } from './network-book.ts'

const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const key = toBase64Url(fill(7))
const version = new Uint8Array(8)
const peer = (changes: Partial<NetworkPeer>): NetworkPeer => ({
  id: fill(1),
  role: NODE_PROVIDER,
  name: 'p',
  address: `192.0.2.1:1+${key}`,
  nat: NAT_OPEN,
  relay: undefined,
  up: true,
  ...changes,
})

let folder: string
let file: string
let now: number
const open = () => NetworkBook.open(file, () => now)
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-book-'))
  file = path.join(folder, 'network.json')
  now = 1_000_000
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

test('nodes that others reach, and who a tracker behind a NAT names, are where to begin', async () => {
  const book = await open()
  await book.learn({
    version,
    peers: [
      peer({ relay: fill(9) }),
      peer({ address: `192.0.2.2:2+${key}`, nat: NAT_CONSISTENT }),
      peer({ address: `10.0.0.1:3+${key}@192.0.2.9:9`, nat: NAT_CONSISTENT, role: NODE_TRACKER }),
      peer({ address: 'a form of later versions' }),
    ],
  })
  now += 60_000
  const again = await open()
  expect(again.nodes).toEqual(['192.0.2.1:1', '192.0.2.9:9'])
  expect(again.relays).toEqual([fill(9)])
  expect(again.age).toBe(60_000)
  // Nothing new: the lists stay.
  await again.learn({ version })
  expect([again.nodes.length, again.age]).toEqual([2, 0])
})

test('a relay serves whom the pool names, and nodes store anybody’s announcements until they know', async () => {
  const book = await open()
  expect([book.admits(fill(1)), book.mayAnnounce(fill(1))]).toEqual([false, true])
  await book.learn({ version, keys: [fill(2)] })
  expect([book.admits(fill(1)), book.mayAnnounce(fill(1))]).toEqual([false, false])
  expect([book.admits(fill(2)), book.mayAnnounce(fill(2))]).toEqual([true, true])
})

test('how peers were reached is kept', async () => {
  const book = await open()
  const paths = [
    {
      peer: 'ab'.repeat(32),
      used: 'udp' as const,
      relayed: true,
      tls: { failedAgo: 5 },
      udp: { goodput: 7 },
    },
  ]
  await book.keepPaths(paths)
  now += 250
  expect((await open()).paths).toEqual({ paths, ago: 250 })
})

test('commands side by side don’t disturb each other', async () => {
  const books = await Promise.all(Array.from({ length: 8 }, open))
  await Promise.all(books.map((book) => book.learn({ version, peers: [peer({})] })))
  expect((await open()).nodes).toEqual(['192.0.2.1:1'])
  expect(fs.readdirSync(folder)).toEqual(['network.json'])
})

test('what is damaged counts as none, and a folder that can’t be written to is no reason to fail', async () => {
  for (const text of [
    '',
    '{',
    '[]',
    'null',
    '{"nodes":[1,"a b:1"],"relays":["zz"],"paths":[{"peer":"x"},7],"asked":-1}',
  ]) {
    fs.writeFileSync(file, text)
    const book = await open()
    expect([book.nodes, book.relays, book.paths.paths, book.age]).toEqual([[], [], [], now])
  }
  file = path.join(folder, 'nowhere', 'network.json')
  const book = await open()
  await book.learn({ version, peers: [peer({})] })
  expect(book.nodes).toEqual(['192.0.2.1:1'])
})

test('what a relay said of passing nothing on is remembered until then, two days at most', async () => {
  const book = await open()
  expect(book.refusedFor).toBe(0)
  await book.noteRefusal(60_000)
  await book.noteRefusal(10_000)
  await book.noteRefusal(Number.NaN)
  now += 20_000
  expect((await open()).refusedFor).toBe(40_000)
  await book.noteRefusal(1e15)
  expect((await open()).refusedFor).toBe(48 * 60 * 60_000)
  now += 49 * 60 * 60_000
  expect((await open()).refusedFor).toBe(0)
})
