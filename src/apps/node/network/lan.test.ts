import { afterEach, expect, test } from 'vitest'
import { freeUdpPort } from '../../../adapters/udp/free-udp-port.ts'
import { sha256PeerId } from '../../../adapters/wire/peer-id.ts'
import { keyOfAddress, parsePeerAddress } from '../../../core/open/peers/peer-address.ts'
import { Lan } from './lan.ts'

const pool = new Uint8Array(32).fill(6)
const key = new Uint8Array(32).fill(7)
const gone = '192.0.2.1:9'

const opened: Lan[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((lan) => lan.close()))
})
function open(port: number, interfaces: () => readonly string[] = () => ['127.0.0.1']): Lan {
  const lan = new Lan({ port, interfaces })
  opened.push(lan)
  return lan
}

test('a peer that moved is found, by its id, where it says that it is', async () => {
  const port = await freeUdpPort()
  const [node, client] = [open(port), open(port)]
  node.tell(pool, { key, address: '192.168.7.7:4001', udp: 4002 })
  const address = await client.addressOf(pool, sha256PeerId(key), gone)
  const parts = parsePeerAddress(address ?? '')
  expect(parts.tls).toBe('127.0.0.1:4001')
  expect(parts.udp).toMatch(/@127\.0\.0\.1:4002$/)
  expect(keyOfAddress(parts)).toEqual(key)
  expect(await client.addressOf(pool, sha256PeerId(new Uint8Array(32)), gone)).toBeUndefined()
})

test('who is on loopback neither tells nor asks', async () => {
  const port = await freeUdpPort()
  const asked = () => {
    throw new Error('looked for interfaces')
  }
  const [node, client] = [open(port, asked), open(port, asked)]
  node.tell(pool, { key, address: '127.0.0.1:4001' })
  expect(await client.addressOf(pool, sha256PeerId(key), '127.0.0.1:4001')).toBeUndefined()
})

test('closing ends a search', async () => {
  const lan = open(await freeUdpPort())
  const search = lan.addressOf(pool, sha256PeerId(key), gone)
  await lan.close()
  expect(await search).toBeUndefined()
})
