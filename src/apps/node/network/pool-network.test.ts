import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { openPoolNetwork } from './pool-network.ts'

test('a node that knows how others reach it listens while the nodes of its DHT are gone', async () => {
  // Takes what it is sent, and never answers.
  const gone = createSocket('udp4')
  gone.bind(0, '127.0.0.1')
  await once(gone, 'listening')
  const asked = once(gone, 'message')
  const network = await openPoolNetwork({
    seed: new Uint8Array(32).fill(3),
    mode: 'auto',
    listen: '127.0.0.1:0',
    bootstrap: [`127.0.0.1:${gone.address().port}`],
  })
  try {
    let joined = false
    const listener = await network.transport.listen({
      address: '127.0.0.1:0',
      handler: () => Promise.resolve({ head: new Uint8Array(0), body: new Uint8Array(0) }),
    })
    expect(listener.address).toContain(`127.0.0.1:${network.node()!.bound.port}+`)
    void network
      .node()!
      .joined()
      .then(() => (joined = true))
    await asked
    expect(joined).toBe(false)
  } finally {
    await network.transport.close()
    gone.close()
  }
})
