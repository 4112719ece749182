/** Which of two ways is taken to lead nowhere: one that was only slower is not. */
import { beforeEach, describe, expect, it } from 'vitest'
import { UnreachableError } from '../../core/open/errors.ts'
import { toBase64Url } from '../../core/open/bytes.ts'
import type { Connection, DialOptions, Transport } from '../../ports/transport.ts'
import { ManualClock } from '../wire/manual-clock.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { AutoTransport } from './auto-transport.ts'
import { PathMemory } from './path-memory.ts'

const key = new Uint8Array(32).fill(1)
const peerId = sha256PeerId(key)
const address = `192.0.2.1:7+${toBase64Url(key)}`
const HEAD_START_MS = 250
const LONG_MS = 2000

let clock: ManualClock
let memory: PathMemory
let auto: AutoTransport
let tls: PromiseWithResolvers<Connection>
let closed: string[]
beforeEach(() => {
  clock = new ManualClock()
  memory = new PathMemory(clock)
  tls = Promise.withResolvers()
  closed = []
  const listen = () => Promise.reject(new UnreachableError('nobody listens here'))
  const overTls: Transport = {
    kind: 'tls',
    publicKey: new Uint8Array(32),
    listen,
    dial: (_address, _peerId, { signal }: DialOptions = {}) => {
      signal?.addEventListener('abort', () => tls.reject(new UnreachableError('ended')))
      return tls.promise
    },
    close: () => Promise.resolve(),
  }
  auto = new AutoTransport({
    publicKey: new Uint8Array(32),
    tls: overTls,
    memory,
    clock,
    udp: () =>
      Promise.resolve({
        transport: {
          listen,
          dial: () => Promise.resolve(connectionOver('udp')),
          path: () => undefined,
          refusalSince: () => undefined,
          close: () => Promise.resolve(),
        },
        at: { host: '192.0.2.2', port: 1 },
        isReachable: () => true,
        onNetworkChange: () => () => {},
        close: () => Promise.resolve(),
      }),
  })
})

function connectionOver(way: string): Connection {
  return {
    peerKey: key,
    remoteAddress: '192.0.2.1:7',
    closed: new Promise(() => {}),
    request: () => Promise.reject(new UnreachableError('nobody answers')),
    close: () => Promise.resolve(void closed.push(way)),
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function dialOverUdp(): Promise<void> {
  const dialled = auto.dial(address, peerId)
  await settled()
  clock.advance(HEAD_START_MS)
  expect(auto.path(await dialled)?.way).toBe('udp')
}

describe('TLS that UDP was quicker than', () => {
  it('goes first again when it was there soon after, and its connection is closed', async () => {
    await dialOverUdp()
    tls.resolve(connectionOver('tls'))
    await settled()
    clock.advance(LONG_MS)
    expect(closed).toEqual(['tls'])
    expect(memory.order(peerId).first).toBe('tls')
  })

  it('is the last resort when it led nowhere within a second more', async () => {
    await dialOverUdp()
    expect(memory.order(peerId).first).toBe('tls')
    clock.advance(LONG_MS)
    await settled()
    expect(memory.order(peerId).first).toBe('udp')
  })

  it('is the last resort when it had led nowhere by the end', async () => {
    await dialOverUdp()
    await auto.close()
    expect(memory.order(peerId).first).toBe('udp')
  })

  it('goes first again when it was refused: the program there was being started', async () => {
    const dialled = auto.dial(address, peerId)
    const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    tls.reject(new UnreachableError('nothing listens there', {}, { cause }))
    expect(auto.path(await dialled)?.way).toBe('udp')
    expect(memory.order(peerId).first).toBe('tls')
  })
})
