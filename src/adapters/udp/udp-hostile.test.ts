/** A listener in a process of its own under attack by strangers on the same DHT; honest peers are served before, meanwhile and after. */
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { UdxStream } from 'udx-native'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import HyperDHT from 'hyperdht'
import { AllmendError } from '../../core/open/errors.ts'
import { encodeFrame, FRAME, FrameDecoder } from '../../core/open/wire/frame.ts'
import { encodeRequestPayload } from '../../core/open/wire/frame-payload.ts'
import { decodeWireError } from '../../core/open/wire/wire-error.ts'
import type { Connection } from '../../ports/transport.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import type { UdpUsage, Victim } from './attack.fixture.ts'
import { ask, endTransport, seedOf, startTransport, startVictim } from './attack.fixture.ts'
import { MAX_SLOTS_PER_ADDRESS } from './guards/handshake-gate.ts'
import { startLoopbackDht } from './loopback-dht.fixture.ts'
import { formatUdpAddress, parseUdpAddress } from './udp-address.ts'
import type { HostPort } from './udp-address.ts'
import type { UdpTransport } from './udp-transport.ts'

const EMPTY = new Uint8Array(0)
const ECHO = 1
const HANG = 3
const MIB = 1024 * 1024
/** What a hostile peer may cost. */
const COST_LIMIT = 32 * MIB

/** The library's own first message, which its types don't show. */
interface Handshakes {
  readonly _router: {
    peerHandshake(target: Uint8Array, options: { noise: Uint8Array }, to: HostPort): Promise<unknown>
  }
}

interface RawWriter extends UdxStream {
  write(bytes: Uint8Array): boolean
}

let dht: Awaited<ReturnType<typeof startLoopbackDht>>
beforeAll(async () => {
  dht = await startLoopbackDht()
})
afterAll(() => dht.node.close())

/** Resolves once the stream is gone. */
function gone(stream: NoiseSecretStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve()
    stream.once('close', () => resolve())
  })
}

/** Resolves once what was written has left. */
const drained = (stream: NoiseSecretStream): Promise<unknown> =>
  Promise.race([once(stream, 'drain'), gone(stream)])

describe('a UDP listener under attack', () => {
  let victim: Victim
  let honest: UdpTransport
  /** On an address of its own, so that limits by address tell it from honest peers. */
  let attacker: HyperDHT
  let target: HostPort

  beforeAll(async () => {
    victim = await startVictim(dht.bootstrap)
    target = parseUdpAddress(victim.address).hints[0]!
    honest = await startTransport('honest', dht.bootstrap)
    attacker = new HyperDHT({
      host: '127.0.0.2',
      bootstrap: [dht.bootstrap],
      port: [0, 0],
      firewalled: false,
      ephemeral: true,
    })
    await attacker.fullyBootstrapped()
    // What the first handshakes and requests leave behind is not the attackers'.
    for (let i = 0; i < 10; i++) await serveHonest()
  })
  afterEach(serveHonest)
  afterAll(async () => {
    await endTransport(honest)
    await attacker.destroy({ force: true })
    victim.child.disconnect()
  })

  async function serveHonest(): Promise<void> {
    const connection = await honest.dial(victim.address, victim.id)
    const body = randomBytes(100_000)
    expect(Buffer.compare((await connection.request(ECHO, { head: EMPTY, body })).body, body)).toBe(0)
    await connection.close()
  }

  /** A stream of a fresh key, or the given one, without our protocol on it. */
  function raw(name: string = randomBytes(8).toString('hex')): NoiseSecretStream {
    const options = { keyPair: HyperDHT.keyPair(seedOf(name)), relayAddresses: [target] }
    const stream = attacker.connect(Buffer.from(victim.key), options)
    stream.on('error', () => stream.destroy())
    return stream
  }

  async function opened(name?: string): Promise<NoiseSecretStream> {
    const stream = raw(name)
    expect(await stream.opened).toBe(true)
    return stream
  }

  /** All plaintext that arrives until the other side ends the stream. */
  async function untilGone(stream: NoiseSecretStream): Promise<Buffer> {
    const chunks: Uint8Array[] = []
    stream.on('data', (bytes: Uint8Array) => chunks.push(bytes))
    await gone(stream)
    return Buffer.concat(chunks)
  }

  /** Runs an attack and returns what it cost at its peak. */
  async function cost(attack: () => Promise<void>): Promise<number> {
    const before = (await ask(victim.child, 'reset')).peak
    await attack()
    return (await ask(victim.child, 'usage')).peak - before
  }

  async function until(met: (usage: UdpUsage) => boolean): Promise<void> {
    while (!met(await ask(victim.child, 'usage'))) await new Promise((resolve) => setImmediate(resolve))
  }

  const hello = encodeFrame(FRAME.hello, 0, Uint8Array.of(1))
  const opening = (id: number, length: number): Uint8Array =>
    encodeFrame(FRAME.request, id, encodeRequestPayload(ECHO, 0, EMPTY, new Uint8Array(length)))

  it('drops who sends bodies without a grant, and refuses it at once from then on', async () => {
    let sent = 0
    const spent = await cost(async () => {
      const stream = await opened('flooder')
      stream.resume()
      stream.write(hello)
      for (let id = 1; id <= 100; id++) stream.write(opening(id, 8 * MIB))
      const data = encodeFrame(FRAME.requestData, 100, new Uint8Array(60_000))
      while (!stream.destroyed && sent < 256 * MIB) {
        sent += data.length
        if (!stream.write(data)) await drained(stream)
      }
      await gone(stream)
    })
    expect(sent).toBeLessThan(COST_LIMIT)
    expect(spent).toBeLessThan(COST_LIMIT)
    expect((await ask(victim.child, 'usage')).granted).toBe(0)
    const again = await opened('flooder')
    again.write(hello)
    const told = await untilGone(again)
    expect(decodeWireError(told.subarray(told.indexOf(FRAME.close) + 8)).code).toBe('denied')
  })

  it('grants no more than a peer may hold, over all its connections, though it sends all but the end', async () => {
    const spent = await cost(async () => {
      const streams = await Promise.all(Array.from({ length: 8 }, () => opened('hoarder')))
      let granted = 0
      const enough = Promise.withResolvers<void>()
      for (const stream of streams) {
        const decoder = new FrameDecoder({
          frame(type, id) {
            if (type !== FRAME.grantRequest) return
            for (let at = 0; at < 63; at++)
              stream.write(encodeFrame(FRAME.requestData, id, new Uint8Array(65_000)))
            if (++granted === 3) enough.resolve()
          },
          data: () => {},
        })
        stream.on('data', (bytes: Uint8Array) => decoder.push(bytes))
        stream.write(hello)
        for (let id = 1; id <= 100; id++) stream.write(opening(id, 4 * MIB))
      }
      await enough.promise
      for (let i = 0; i < 20; i++) await ask(victim.child, 'usage')
      expect((await ask(victim.child, 'usage')).granted).toBe(12 * MIB)
      for (const stream of streams) stream.destroy()
    })
    expect(spent).toBeLessThan(COST_LIMIT)
    await until((usage) => usage.granted === 0)
  })

  it('ends who announces a record out of range, before any message and after', async () => {
    for (const after of [false, true]) {
      const spent = await cost(async () => {
        const stream = await opened()
        if (after) {
          stream.write(hello)
          await once(stream, 'data')
        }
        const wire = stream.rawStream as RawWriter
        wire.write(Buffer.from([0xff, 0xff, 0xff]))
        const piece = Buffer.alloc(60_000)
        for (let sent = 0; sent < 64 * MIB && !stream.destroyed; sent += piece.length)
          if (!wire.write(piece)) await Promise.race([once(wire, 'drain'), gone(stream)])
        await gone(stream)
      })
      expect(spent).toBeLessThan(COST_LIMIT)
    }
  })

  it('ends who floods it with empty records', async () => {
    const stream = await opened()
    stream.resume()
    stream.write(hello)
    while (!stream.destroyed)
      if (!stream.write(new Uint8Array(0))) await drained(stream)
      else await new Promise((resolve) => setImmediate(resolve))
  })

  it('holds little of what comes behind a gap, before any message and after', async () => {
    for (const after of [false, true]) {
      const spent = await cost(async () => {
        const stream = await opened()
        stream.resume()
        if (after) {
          stream.write(hello)
          await once(stream, 'data')
        }
        const { socket, remoteId, remotePort, remoteHost } = stream.rawStream!
        for (let i = 0; i < 200_000 && !stream.destroyed; i++) {
          const packet = udxData(remoteId, 1000 + i)
          socket?.trySend(packet, remotePort, remoteHost!)
          if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
        }
        stream.destroy()
      })
      expect(spent).toBeLessThan(COST_LIMIT)
      await until((usage) => usage.streams === 0)
    }
  })

  it('holds few connections of one key', async () => {
    const streams: NoiseSecretStream[] = []
    const spent = await cost(async () => {
      const refused = Promise.withResolvers<Uint8Array>()
      for (let i = 0; i < 1000; i++) {
        const stream = raw('thousand')
        streams.push(stream)
        stream.write(hello)
        stream.once('data', (bytes: Uint8Array) => {
          if (bytes[0] === FRAME.close) refused.resolve(bytes)
        })
      }
      expect(decodeWireError((await refused.promise).subarray(8)).code).toBe('busy')
      await until((usage) => usage.connections === 8)
    })
    expect(spent).toBeLessThan(COST_LIMIT)
    for (const stream of streams) stream.destroy()
    await until((usage) => usage.connections === 0)
  })

  it('holds few handshakes that go no further, and lets honest ones past', async () => {
    const streams: NoiseSecretStream[] = []
    const spent = await cost(async () => {
      for (let i = 0; i < 1000; i++) streams.push(raw(`half ${i}`))
      await until((usage) => usage.streams === MAX_SLOTS_PER_ADDRESS)
      await serveHonest()
      const { streams: held } = await ask(victim.child, 'usage')
      expect(held).toBeLessThanOrEqual(MAX_SLOTS_PER_ADDRESS + 1)
    })
    expect(spent).toBeLessThan(COST_LIMIT)
    for (const stream of streams) stream.destroy()
    await until((usage) => usage.streams === 0)
  })

  it('takes a recorded first message for nobody', async () => {
    const router = (honest.node.dht as HyperDHT & Handshakes)._router
    const send = router.peerHandshake.bind(router)
    let recorded: (() => Promise<unknown>) | undefined
    router.peerHandshake = (to, options, address) => {
      recorded = () =>
        (attacker as HyperDHT & Handshakes)._router.peerHandshake(to, { noise: options.noise }, address)
      return send(to, options, address)
    }
    await serveHonest()
    router.peerHandshake = send
    await until((usage) => usage.streams === 0)
    expect(recorded).toBeDefined()
    // Beyond the time in which the library answers repeats from memory, each makes a stream, which proves nothing.
    for (let i = 0; i < 2; i++) {
      await until((usage) => usage.streams === 0)
      for (;;) {
        await recorded?.()
        const usage = await ask(victim.child, 'usage')
        expect(usage.connections).toBe(0)
        if (usage.streams > 0) break
      }
      await serveHonest()
    }
  })

  it('ignores garbage', async () => {
    const socket = createSocket('udp4')
    const spent = await cost(async () => {
      for (let i = 0; i < 20_000; i++) {
        const bytes = randomBytes(1 + (i % 1400))
        // A third look like the DHT's, a third like UDX.
        if (i % 3 === 0) bytes[0] = 3
        else if (i % 3 === 1) bytes.set([255, 1, i & 63].slice(0, bytes.length))
        socket.send(bytes, target.port, target.host)
        if (i % 100 === 0) await ask(victim.child, 'usage')
      }
    })
    socket.close()
    expect(spent).toBeLessThan(COST_LIMIT)
  })
})

/** A packet of UDX with payload, far ahead of what the stream has got. */
function udxData(streamId: number, sequence: number): Buffer {
  const packet = Buffer.alloc(1200)
  packet.set([255, 1, 1, 0])
  packet.writeUInt32LE(streamId, 4)
  packet.writeUInt32LE(4 * MIB, 8)
  packet.writeUInt32LE(sequence, 12)
  packet.writeUInt32LE(1, 16)
  return packet
}

describe('a UDP dialler', () => {
  let mine: UdpTransport
  let theirs: UdpTransport
  let server: ReturnType<HyperDHT['createServer']> | undefined

  beforeAll(async () => {
    mine = await startTransport('mine', dht.bootstrap)
    theirs = await startTransport('theirs', dht.bootstrap)
  })
  afterEach(() => server?.close())
  afterAll(async () => {
    await endTransport(mine)
    await endTransport(theirs)
  })

  /** A server with another protocol under their key; how a dial of it fails. */
  async function serve(
    behave: (stream: NoiseSecretStream) => void,
    timeoutMs = 5000,
  ): Promise<() => Promise<unknown>> {
    server = theirs.node.dht.createServer()
    server.on('connection', (stream) => {
      stream.on('error', () => stream.destroy())
      behave(stream)
    })
    await server.listen()
    const id = sha256PeerId(theirs.publicKey)
    return () =>
      mine.dial(theirs.address, id, { timeoutMs }).then(
        () => 'connected',
        (error: unknown) => error,
      )
  }

  it('finds nobody where another key answers', async () => {
    const stranger = HyperDHT.keyPair(seedOf('stranger')).publicKey
    const address = formatUdpAddress(stranger, [theirs.node.bound])
    const dial = mine.dial(address, sha256PeerId(stranger), { timeoutMs: 1_000 })
    await expect(dial).rejects.toMatchObject({ code: 'unreachable' })
  })

  it('gives up on a server that never greets', async () => {
    const dial = await serve((stream) => stream.resume(), 300)
    expect(await dial()).toMatchObject({ code: 'unreachable', message: 'no connection in time' })
  })

  it('blames a server that breaks the protocol, and does not dial it again for a while', async () => {
    const dial = await serve((stream) => stream.write(Buffer.alloc(100, 0xff)))
    expect(await dial()).toMatchObject({ code: 'malformed', policy: 'blame-peer' })
    expect(await dial()).toMatchObject({ code: 'denied', facts: { reason: 'malformed' } })
  })
})

describe('a peer over UDP that dies', () => {
  async function withRequest(): Promise<{
    child: ChildProcess
    connection: Connection
    failure: Promise<unknown>
    mine: UdpTransport
  }> {
    const { child, address, id } = await startVictim(dht.bootstrap)
    const mine = await startTransport('mine', dht.bootstrap)
    const connection = await mine.dial(address, id)
    await connection.request(ECHO, { head: EMPTY, body: EMPTY })
    const failure = connection
      .request(HANG, { head: EMPTY, body: EMPTY }, { timeoutMs: 50_000 })
      .catch((error: unknown) => error)
    return { child, connection, failure, mine }
  }

  it.concurrent.each(['SIGKILL', 'SIGSTOP'] as const)(
    'is noticed within 3 s after %s, by its silence',
    async (signal) => {
      const { child, connection, failure, mine } = await withRequest()
      child.kill(signal)
      expect(await failure).toMatchObject({ code: 'unreachable', message: 'the peer is silent' })
      const reason = await connection.closed
      expect(reason).toBeInstanceOf(AllmendError)
      expect(reason?.facts['silentMs']).toBeLessThanOrEqual(3000)
      await endTransport(mine)
      child.kill('SIGKILL')
    },
  )
})
