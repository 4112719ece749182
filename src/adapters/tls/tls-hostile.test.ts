/** A listener in a process of its own under attack by raw sockets; honest peers are served before, meanwhile and after. */
import type { ChildProcess } from 'node:child_process'
import { generateKeyPairSync, hash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import * as net from 'node:net'
import * as tls from 'node:tls'
import 'reflect-metadata'
import { X509CertificateGenerator } from '@peculiar/x509'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { AllmendError } from '../../core/open/errors.ts'
import { encodeFrame, FRAME, FrameDecoder } from '../../core/open/wire/frame.ts'
import { encodeRequestPayload } from '../../core/open/wire/frame-payload.ts'
import { decodeWireError } from '../../core/open/wire/wire-error.ts'
import type { Connection } from '../../ports/transport.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { parseAddress } from '../wire/address.ts'
import { ask, event, startVictim } from './attack.fixture.ts'
import { MAX_HALF_OPEN_PER_ADDRESS } from './handshake-gate.ts'
import { makeNetCertificate } from './net-certificate.ts'
import type { TlsTransport } from './tls-transport.ts'
import { ALPN, createTlsTransport } from './tls-transport.ts'

const EMPTY = new Uint8Array(0)
const ECHO = 1
const HANG = 3
const MIB = 1024 * 1024
/** What a hostile peer may cost. */
const COST_LIMIT = 32 * MIB

/** Resolves once the system has taken all that was written. */
async function drained(socket: net.Socket): Promise<void> {
  while (socket.writableLength > 0 && !socket.destroyed) await new Promise((resolve) => setImmediate(resolve))
}

describe('a TLS listener under attack', () => {
  let victim: Awaited<ReturnType<typeof startVictim>>
  let port = 0
  let honest: TlsTransport
  let peers = 0

  beforeAll(async () => {
    victim = await startVictim()
    port = parseAddress(victim.address).port
    honest = await createTlsTransport({ seed: hash('sha256', 'honest', 'buffer') })
    // What the first handshakes and requests leave behind is not the attackers'.
    for (let i = 0; i < 20; i++) {
      const connection = await honest.dial(victim.address, victim.id)
      await connection.request(ECHO, { head: EMPTY, body: new Uint8Array(100_000) })
      await connection.close()
    }
  })
  afterEach(async () => {
    const connection = await honest.dial(victim.address, victim.id)
    const body = randomBytes(100_000)
    expect(Buffer.compare((await connection.request(ECHO, { head: EMPTY, body })).body, body)).toBe(0)
    await connection.close()
  })
  afterAll(async () => {
    await honest.close()
    victim.child.disconnect()
  })

  /** A raw TLS connection with a fresh net key, or the given one. */
  async function raw(seed: Uint8Array = hash('sha256', `peer ${peers++}`, 'buffer')): Promise<tls.TLSSocket> {
    const { key, cert } = makeNetCertificate(seed)
    return connectWith({ key, cert })
  }

  async function connectWith(options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: [ALPN],
      ...options,
    })
    socket.on('error', () => socket.destroy())
    await event(socket, 'secureConnect')
    return socket
  }

  /** All that arrives until the other side ends the connection. */
  async function untilClosed(socket: net.Socket): Promise<Buffer> {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    await event(socket, 'close')
    return Buffer.concat(chunks)
  }

  /** Runs an attack and returns what it cost at its peak. */
  async function cost(attack: () => Promise<void>): Promise<number> {
    const before = (await ask(victim.child, 'reset')).peak
    await attack()
    return (await ask(victim.child, 'usage')).peak - before
  }

  const hello = encodeFrame(FRAME.hello, 0, Uint8Array.of(1))
  const opening = (id: number, length: number): Uint8Array =>
    encodeFrame(FRAME.request, id, encodeRequestPayload(ECHO, 0, EMPTY, new Uint8Array(length)))

  it('drops who sends bodies without a grant, and refuses it at once from then on', async () => {
    const seed = hash('sha256', 'flooder', 'buffer')
    let sent = 0
    const spent = await cost(async () => {
      const socket = await raw(seed)
      const closed = event(socket, 'close')
      socket.resume()
      socket.write(hello)
      for (let id = 1; id <= 100; id++) socket.write(opening(id, 8 * MIB))
      const data = encodeFrame(FRAME.requestData, 100, new Uint8Array(65_536))
      while (!socket.destroyed && sent < 256 * MIB) {
        sent += data.length
        socket.write(data)
        await drained(socket)
      }
      await closed
    })
    expect(sent).toBeLessThan(COST_LIMIT)
    expect(spent).toBeLessThan(COST_LIMIT)
    expect((await ask(victim.child, 'usage')).granted).toBe(0)
    const again = await untilClosed(await raw(seed))
    const error = decodeWireError(again.subarray(again.indexOf(FRAME.close) + 8))
    expect(error.code).toBe('denied')
  })

  it('grants no more than a peer may hold, over all its connections, though it sends all but the end', async () => {
    const seed = hash('sha256', 'hoarder', 'buffer')
    const spent = await cost(async () => {
      const sockets = await Promise.all(Array.from({ length: 8 }, () => raw(seed)))
      let granted = 0
      const enough = Promise.withResolvers<void>()
      for (const socket of sockets) {
        const decoder = new FrameDecoder({
          frame(type, id) {
            if (type !== FRAME.grantRequest) return
            for (let at = 0; at < 63; at++)
              socket.write(encodeFrame(FRAME.requestData, id, new Uint8Array(65_536)))
            socket.write(encodeFrame(FRAME.requestData, id, new Uint8Array(65_535)))
            if (++granted === 3) enough.resolve()
          },
          data: () => {},
        })
        socket.on('data', (chunk: Buffer) => decoder.push(chunk))
        socket.write(hello)
        for (let id = 1; id <= 100; id++) socket.write(opening(id, 4 * MIB))
      }
      await enough.promise
      await Promise.all(sockets.map((socket) => drained(socket)))
      // Its answer shows that the victim has read what came before.
      for (let i = 0; i < 20; i++) await ask(victim.child, 'usage')
      expect((await ask(victim.child, 'usage')).granted).toBe(12 * MIB)
      for (const socket of sockets) socket.destroy()
    })
    expect(spent).toBeLessThan(COST_LIMIT)
    while ((await ask(victim.child, 'usage')).granted > 0)
      await new Promise((resolve) => setImmediate(resolve))
  })

  it('holds few connections of one key, and bans it for insisting', async () => {
    const seed = hash('sha256', 'thousand', 'buffer')
    const { key, cert } = makeNetCertificate(seed)
    const sockets: tls.TLSSocket[] = []
    const spent = await cost(async () => {
      for (let i = 0; i < 50; i++) {
        const made = await Promise.all(Array.from({ length: 20 }, () => connectWith({ key, cert })))
        for (const socket of made) socket.resume().write(hello)
        sockets.push(...made)
      }
      await Promise.all(sockets.map((socket) => event(socket, 'close')))
    })
    expect(sockets.length).toBe(1000)
    expect(spent).toBeLessThan(COST_LIMIT)
    expect((await ask(victim.child, 'usage')).connections).toBe(0)
  })

  it('holds few connections that never shake hands, and lets honest ones past', async () => {
    const sockets: net.Socket[] = []
    const spent = await cost(async () => {
      for (let i = 0; i < 1000; i++) {
        const socket = net.connect({ port, host: '127.0.0.1' })
        socket.on('error', () => socket.destroy())
        sockets.push(socket)
        if (i % 50 === 0) await event(socket, 'connect')
      }
      const connection = await honest.dial(victim.address, victim.id)
      await connection.request(ECHO, { head: EMPTY, body: EMPTY })
      await connection.close()
      const first = sockets.slice(0, 1000 - MAX_HALF_OPEN_PER_ADDRESS - 1)
      await Promise.all(first.map((socket) => event(socket, 'close')))
    })
    expect(spent).toBeLessThan(COST_LIMIT)
    for (const socket of sockets) socket.destroy()
  })

  it('ends a handshake that is drawn out byte by byte', async () => {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.on('error', () => socket.destroy())
    const closed = event(socket, 'close')
    // The start of a handshake record that claims 512 bytes, which then come one by one.
    socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1]))
    const drip = setInterval(() => socket.write(Buffer.of(0)), 100)
    await closed
    clearInterval(drip)
  })

  it('drops garbage before, and after, the handshake', async () => {
    const plain = net.connect({ port, host: '127.0.0.1' })
    plain.on('error', () => plain.destroy())
    plain.write(randomBytes(100_000))
    await untilClosed(plain)
    for (let i = 0; i < 20; i++) {
      const socket = await raw()
      socket.write(randomBytes(1 + i * 1000))
      // As a header, random bytes may announce a frame that we would have to wait for.
      socket.write(Buffer.alloc(300_000, 0xff))
      await untilClosed(socket)
    }
  })

  it('drops frames out of range, before any message and after', async () => {
    const oversize = encodeFrame(FRAME.requestData, 1, new Uint8Array(65_537))
    // The header announces as much as it can hold, which is never waited for.
    const announced = Buffer.alloc(MIB, 0xff)
    const spent = await cost(async () => {
      for (const before of [hello, EMPTY])
        for (const bytes of [oversize, announced]) {
          const socket = await raw()
          socket.write(before)
          socket.write(bytes)
          await untilClosed(socket)
        }
    })
    expect(spent).toBeLessThan(COST_LIMIT)
  })

  it('drops who has no certificate, another kind of key, or another protocol', async () => {
    const subtle = globalThis.crypto.subtle
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const keys = await subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const certificate = await X509CertificateGenerator.createSelfSigned({
      keys,
      name: 'CN=x',
      signingAlgorithm: algorithm,
    })
    const pkcs8 = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
    const ecdsa = {
      key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
      cert: certificate.toString('pem'),
    }
    const { key, cert } = makeNetCertificate(hash('sha256', 'other', 'buffer'))
    // The certificate of another's key cannot be used without that key.
    const { privateKey } = generateKeyPairSync('ed25519')
    expect(() =>
      tls.createSecureContext({ key: privateKey.export({ format: 'pem', type: 'pkcs8' }), cert }),
    ).toThrow()
    for (const options of [
      {},
      ecdsa,
      { key, cert, ALPNProtocols: ['h2'] },
      { key, cert, ALPNProtocols: [] },
      { key, cert, maxVersion: 'TLSv1.2' as const },
    ]) {
      const socket = await connectWith(options)
      if (!socket.destroyed) socket.write(hello)
      expect((await untilClosed(socket)).length).toBe(0)
    }
  })

  it('never resumes a session, so that every connection proves its key', async () => {
    const { key, cert } = makeNetCertificate(hash('sha256', 'resumer', 'buffer'))
    const first = await connectWith({ key, cert })
    const sessions: Buffer[] = []
    first.on('session', (session) => sessions.push(session))
    first.write(hello)
    await event(first, 'data')
    first.destroy()
    for (const session of sessions) {
      const second = await connectWith({ key, cert, session })
      expect(second.isSessionReused()).toBe(false)
      second.destroy()
    }
  })
})

describe('a dialler', () => {
  const seed = hash('sha256', 'listener', 'buffer')
  const servers: net.Server[] = []
  const sockets = new Set<net.Socket>()
  let mine: TlsTransport
  let id: Uint8Array
  let certificate: ReturnType<typeof makeNetCertificate>

  beforeAll(async () => {
    mine = await createTlsTransport({ seed: hash('sha256', 'mine', 'buffer') })
    certificate = makeNetCertificate(seed)
    id = sha256PeerId(certificate.publicKey)
  })
  afterAll(async () => {
    await mine.close()
    for (const socket of sockets) socket.destroy()
    for (const server of servers) server.close()
  })

  /** A raw server which does this with each connection; its address. */
  async function serve(
    server: net.Server,
    name: string,
    behave: (socket: net.Socket) => void,
  ): Promise<string> {
    servers.push(server)
    server.on(name, (socket: net.Socket) => {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      behave(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `127.0.0.1:${(server.address() as net.AddressInfo).port}`
  }

  function tlsServer(): tls.Server {
    const { key, cert } = certificate
    return tls.createServer({
      key,
      cert,
      ALPNProtocols: [ALPN],
      requestCert: true,
      rejectUnauthorized: false,
    })
  }

  async function fails(address: string, timeoutMs = 20_000): Promise<unknown> {
    return mine.dial(address, id, { timeoutMs }).then(
      () => 'connected',
      (error: unknown) => error,
    )
  }

  it('finds a server that speaks no TLS unreachable', async () => {
    const address = await serve(net.createServer(), 'connection', (socket) => socket.end(randomBytes(1000)))
    expect(await fails(address)).toMatchObject({ code: 'unreachable', policy: 'retry' })
  })

  it('gives up on servers that never finish the handshake or never greet', async () => {
    const mute = await serve(net.createServer(), 'connection', () => {})
    expect(await fails(mute, 100)).toMatchObject({ code: 'unreachable', message: 'no connection in time' })
    const silent = await serve(tlsServer(), 'secureConnection', (socket) => socket.resume())
    expect(await fails(silent, 500)).toMatchObject({ code: 'unreachable', message: 'no connection in time' })
  })

  it('blames a server that breaks the protocol, and does not dial it again for a while', async () => {
    const address = await serve(tlsServer(), 'secureConnection', (socket) =>
      socket.write(Buffer.alloc(100, 0xff)),
    )
    expect(await fails(address)).toMatchObject({ code: 'malformed', policy: 'blame-peer' })
    expect(await fails(address)).toMatchObject({ code: 'denied', facts: { reason: 'malformed' } })
  })
})

describe('a peer that dies', () => {
  async function withRequest(): Promise<{
    child: ChildProcess
    connection: Connection
    failure: Promise<unknown>
    mine: TlsTransport
  }> {
    const { child, address, id } = await startVictim()
    const mine = await createTlsTransport({ seed: hash('sha256', 'mine', 'buffer') })
    const connection = await mine.dial(address, id)
    await connection.request(ECHO, { head: EMPTY, body: EMPTY })
    const failure = connection
      .request(HANG, { head: EMPTY, body: EMPTY }, { timeoutMs: 50_000 })
      .catch((error: unknown) => error)
    return { child, connection, failure, mine }
  }

  it('is noticed when it is killed', async () => {
    const { child, connection, failure, mine } = await withRequest()
    child.kill('SIGKILL')
    expect(await failure).toMatchObject({ code: 'unreachable', policy: 'retry' })
    expect(await connection.closed).toBeInstanceOf(AllmendError)
    await mine.close()
  })

  it('is noticed when it is stopped, by its silence', async () => {
    const { child, connection, failure, mine } = await withRequest()
    child.kill('SIGSTOP')
    expect(await failure).toMatchObject({ code: 'unreachable', message: 'the peer is silent' })
    expect((await connection.closed)?.facts['silentMs']).toBeLessThanOrEqual(3000)
    await mine.close()
    child.kill('SIGKILL')
  })
})
