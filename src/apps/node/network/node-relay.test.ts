import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { freeUdpPort } from '../../../adapters/udp/free-udp-port.ts'
import { createUdpNode } from '../../../adapters/udp/udp-node.ts'
import { NodeRelay } from './node-relay.ts'

const host = '127.0.0.1'

test('a relay that announces itself to nodes that are gone is stopped at once', async () => {
  // It takes everything and answers nothing, as long as the library asks again.
  const gone = createSocket('udp4').bind(0, host)
  await once(gone, 'listening')
  const node = await createUdpNode({
    seed: new Uint8Array(32).fill(1),
    host,
    port: await freeUdpPort(),
    bootstrap: [`${host}:${gone.address().port}`],
    reachable: true,
  })
  const relay = new NodeRelay(
    { node: () => node, isReachable: () => true, line: undefined },
    { admit: () => true },
  )
  const stop = new AbortController()
  const heard = once(gone, 'message')
  let isStarted = false
  const starting = relay.startIfReachable(stop.signal).then(() => (isStarted = true))
  await heard
  expect(isStarted).toBe(false)
  stop.abort()
  await starting
  expect(relay.key).toBeUndefined()
  await relay.close()
  await node.close()
  gone.close()
})

test('a relay that could not be started is started the next time', async () => {
  const start = async () =>
    createUdpNode({
      seed: new Uint8Array(32).fill(1),
      host,
      port: await freeUdpPort(),
      bootstrapHost: host,
      bootstrap: [],
    })
  const [ended, node] = [await start(), await start()]
  await ended.close()
  let current = ended
  const relay = new NodeRelay(
    { node: () => current, isReachable: () => true, line: undefined },
    { admit: () => true },
  )
  await expect(relay.startIfReachable()).rejects.toThrow(/destroyed|closed/i)
  current = node
  await relay.startIfReachable()
  expect(relay.key).toBeDefined()
  await relay.close()
  await node.close()
})
