import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seedOf, silent, testShard } from '../../../test/fixtures/provider-pool.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { createTlsTransport } from '../../adapters/tls/tls-transport.ts'
import { toHex } from '../../core/open/bytes.ts'
import {
  ConflictError,
  DeniedError,
  FolderError,
  UnreachableError,
  UsageError,
} from '../../core/open/errors.ts'
import { peerId } from '../../core/open/hash.ts'
import { encodeJoinToken, TOKEN_MEMBER, TOKEN_PROVIDER } from '../../core/open/peers/join-token.ts'
import { genesisCodec, poolIdOf } from '../../core/open/objects/identity.ts'
import type { ProviderRecord } from '../../core/open/objects/provider-record.ts'
import { providerRecordCodec } from '../../core/open/objects/provider-record.ts'
import { openSigned, signObject } from '../../core/open/objects/signed.ts'
import { TICKET_READ, TICKET_WRITE, ticketCodec } from '../../core/open/objects/ticket.ts'
import { presentTicket, putShard, readShard } from '../../core/open/protocol/provider-methods.ts'
import { registerProvider, reportProvider } from '../../core/open/protocol/tracker-methods.ts'
import { call, route, router } from '../../ports/rpc.ts'
import type { Listener, Transport } from '../../ports/transport.ts'
import type { RunningProvider, StartProviderOptions } from './start-provider.ts'
import { startProvider } from './start-provider.ts'

const logSeed = seedOf('log key')
const genesis = genesisCodec.encode({
  v: 1,
  suite: 1,
  logKey: nodePrimitives.ed25519Public(logSeed),
  admins: [seedOf('alice')],
  witnessPolicy: 0,
  minimumSuite: 1,
  nonce: seedOf('nonce'),
})
const pool = poolIdOf(nodePrimitives, genesis)
const secret = seedOf('secret')

let folder: string
let tracker: Transport
let trackerAddress: string
let listener: Listener
let registered: { readonly record: ProviderRecord; readonly secret: string | undefined }[]
let shown: Uint8Array
const running = new Set<RunningProvider>()

/** Registers as a tracker does: an invite once, renewals with a higher seq or the same record. */
async function startTracker(address = '127.0.0.1:0'): Promise<void> {
  tracker = await createTlsTransport({ seed: seedOf('tracker') })
  listener = await tracker.listen({
    address,
    handler: router([
      route(registerProvider, (request, { peerKey }) => {
        const record = openSigned(
          nodePrimitives,
          'provider',
          pool,
          peerKey,
          providerRecordCodec,
          request.record,
        )
        const last = registered.at(-1)?.record
        if (last === undefined && toHex(request.secret ?? new Uint8Array(0)) !== toHex(secret))
          return Promise.reject(new DeniedError('no such invite'))
        if (last !== undefined && last.seq > record.seq)
          return Promise.reject(new ConflictError('an old record'))
        if (last !== undefined && toHex(last.invite) !== toHex(record.invite))
          return Promise.reject(new ConflictError('another invite'))
        registered.push({ record, secret: request.secret && toHex(request.secret) })
        return Promise.resolve({ value: { genesis: shown } })
      }),
      route(reportProvider, () => Promise.resolve({ value: { free: [] } })),
    ]),
  })
  trackerAddress = listener.address
}

function token(changes: { kind?: typeof TOKEN_MEMBER; secret?: Uint8Array; pool?: Uint8Array } = {}): string {
  return encodeJoinToken({
    kind: TOKEN_PROVIDER,
    address: trackerAddress,
    peerId: peerId(nodePrimitives, tracker.publicKey),
    secret,
    pool,
    inviter: seedOf('alice'),
    ...changes,
  })
}

async function start(options: Partial<StartProviderOptions> = {}): Promise<RunningProvider> {
  const provider = await startProvider({
    store: path.join(folder, 'p'),
    listen: '127.0.0.1:0',
    logger: silent,
    ...options,
  })
  running.add(provider)
  return provider
}
const first = (options: Partial<StartProviderOptions> = {}): Promise<RunningProvider> =>
  start({ join: token(), capacity: 50_000_000, name: 'p1', ...options })

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-provider-'))
  ;[registered, shown] = [[], genesis]
  await startTracker()
})
afterEach(async () => {
  await Promise.all([...running].map((provider) => provider.close()))
  running.clear()
  await tracker.close()
  await fs.rm(folder, { recursive: true })
})

describe('startProvider', () => {
  it('joins with a token, reports, and serves durable shards over TLS', async () => {
    const provider = await first()
    await provider.reported
    expect(registered).toHaveLength(2)
    expect(registered[0]!.record).toMatchObject({
      name: 'p1',
      capacity: 50_000_000,
      address: provider.address,
      seq: 1,
    })
    expect(registered.map((each) => each.secret)).toEqual([toHex(secret), undefined])
    expect((await fs.stat(path.join(folder, 'p', 'net.key'))).mode & 0o777).toBe(0o600)

    const shard = testShard(1)
    const client = await createTlsTransport({ seed: seedOf('client') })
    const use = async (to: RunningProvider): Promise<Uint8Array> => {
      const connection = await client.dial(to.address, to.id)
      for (const kind of [TICKET_READ, TICKET_WRITE] as const) {
        const ticket = signObject(nodePrimitives, 'ticket', pool, logSeed, ticketCodec, {
          suite: 1,
          kind,
          holder: client.publicKey,
          provider: to.id,
          shards: [[shard.id, shard.bytes.length, 0]],
          notAfter: Math.floor(Date.now() / 1_000) + 600,
          serial: new Uint8Array(16),
          space: seedOf('space'),
        })
        await call(connection, presentTicket, { ticket })
      }
      if (to === provider) await call(connection, putShard, { shard: shard.id, index: 0, k: 4 }, shard.bytes)
      const { body } = await call(connection, readShard, { shard: shard.id, ranges: [] })
      return body
    }
    expect(toHex(await use(provider))).toBe(toHex(shard.bytes))
    await provider.close()
    const again = await start()
    expect(toHex(await use(again))).toBe(toHex(shard.bytes))
    await client.close()
  })

  it('starts again without a token: same id, address, capacity and record', async () => {
    const provider = await first()
    await provider.reported
    await provider.close()
    const again = await start()
    await again.reported
    expect(again.address).toBe(provider.address)
    expect(toHex(again.id)).toBe(toHex(provider.id))
    expect(again.capacity).toBe(50_000_000)
    expect(registered.at(-1)!.record).toEqual(registered[0]!.record)
  })

  it('takes another port when its own is taken, and says so with a higher seq', async () => {
    const provider = await first()
    await provider.close()
    const squatter = await createTlsTransport({ seed: seedOf('squatter') })
    await squatter.listen({ address: provider.address, handler: () => Promise.reject(new DeniedError('no')) })
    const again = await start()
    await again.reported
    expect(again.address).not.toBe(provider.address)
    expect(registered.at(-1)!.record).toMatchObject({ address: again.address, seq: 2 })
    await squatter.close()
  })

  it('renews its record when it lends more', async () => {
    await (await first()).close()
    const again = await start({ capacity: 60_000_000 })
    await again.reported
    expect(registered.at(-1)!.record).toMatchObject({ capacity: 60_000_000, seq: 2, name: 'p1' })
  })

  it('starts while the tracker is away, and reports when it is back', async () => {
    const provider = await first()
    await provider.close()
    await tracker.close()
    const again = await start()
    expect(again.address).toBe(provider.address)
    await startTracker(trackerAddress)
    await again.reported
  })

  it('may try to join again after a failure, as the same provider', async () => {
    const good = token()
    await tracker.close()
    await expect(first({ join: good })).rejects.toThrow(UnreachableError)
    await startTracker(trackerAddress)
    await expect(first({ join: token({ secret: seedOf('wrong') }) })).rejects.toThrow(DeniedError)
    shown = genesisCodec.encode({ ...genesisCodec.decode(genesis), nonce: seedOf('other pool') })
    await expect(first()).rejects.toMatchObject({ code: 'untrusted' })
    shown = genesis
    const provider = await first()
    expect(new Set(registered.map(({ record }) => toHex(record.net))).size).toBe(1)
    await provider.reported
  })

  it('goes on with the invite that the tracker took, when it was killed before it knew that', async () => {
    await (await first()).close()
    const file = path.join(folder, 'p', 'provider.json')
    const { logKey, ...before } = JSON.parse(await fs.readFile(file, 'utf8')) as Record<string, unknown>
    await fs.writeFile(file, JSON.stringify(before))
    await expect(start()).rejects.toThrow(/invite/)
    // A new token is all that a person can give it; the pool knows it by the old one.
    const again = await start({ join: token({ secret: seedOf('another invite') }) })
    await again.reported
    expect(registered.at(-1)!.record).toEqual(registered[0]!.record)
    expect(JSON.parse(await fs.readFile(file, 'utf8'))).toEqual({ ...before, logKey })
  })

  it('says what is wrong with how it is started', async () => {
    await expect(start()).rejects.toThrow(/invite/)
    await expect(start({ join: token({ kind: TOKEN_MEMBER }) })).rejects.toThrow(UsageError)
    await expect(start({ join: 'nonsense' })).rejects.toThrow(UsageError)
    await expect(start({ join: token() })).rejects.toThrow(/capacity/)
    await expect(first({ capacity: 0 })).rejects.toThrow(UsageError)
    await expect(first({ name: 'é'.repeat(33) })).rejects.toThrow(UsageError)
    await expect(first({ listen: '203.0.113.1:1' })).rejects.toThrow(UnreachableError)
    await (await first()).close()
    await expect(start({ join: token({ pool: seedOf('other') }) })).rejects.toThrow(/another pool/)
    await start({ join: token() })
  })

  it('has its folder for itself, and refuses a damaged one', async () => {
    const provider = await first()
    await expect(start()).rejects.toThrow(FolderError)
    await provider.close()
    const settings = path.join(folder, 'p', 'provider.json')
    const whole = await fs.readFile(settings)
    for (const text of ['', '{', '[]', '{"pool":1}', whole.toString().replace(/"seq": \d+/, '"seq": -1')]) {
      await fs.writeFile(settings, text)
      await expect(start(), text).rejects.toThrow(FolderError)
    }
    await fs.writeFile(settings, whole)
    const key = path.join(folder, 'p', 'net.key')
    const keyBytes = await fs.readFile(key)
    await fs.writeFile(key, keyBytes.subarray(1))
    await expect(start()).rejects.toThrow(/net.key/)
    await fs.rm(key)
    await expect(start()).rejects.toThrow(/net.key/)
    await fs.writeFile(key, keyBytes)
    await start()
  })
})
