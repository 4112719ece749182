/** What a provider process acknowledged survives kill -9 at random moments, under the same address and id. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { expect, it } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { createTlsTransport } from '../../src/adapters/tls/tls-transport.ts'
import { fromHex, toHex } from '../../src/core/open/bytes.ts'
import { AllmendError } from '../../src/core/open/errors.ts'
import { peerId } from '../../src/core/open/hash.ts'
import { encodeJoinToken, TOKEN_PROVIDER } from '../../src/core/open/peers/join-token.ts'
import { genesisCodec, poolIdOf } from '../../src/core/open/objects/identity.ts'
import { signObject } from '../../src/core/open/objects/signed.ts'
import { TICKET_READ, TICKET_WRITE, ticketCodec } from '../../src/core/open/objects/ticket.ts'
import { presentTicket, putShard, readShard } from '../../src/core/open/protocol/provider-methods.ts'
import { registerProvider, reportProvider } from '../../src/core/open/protocol/tracker-methods.ts'
import { call, route, router } from '../../src/ports/rpc.ts'
import type { Connection, Transport } from '../../src/ports/transport.ts'
import type { TestShard } from '../fixtures/provider-pool.ts'
import { seedOf, testShard } from '../fixtures/provider-pool.ts'

const ROUNDS = Number(process.env.ALLMEND_CRASH_ROUNDS ?? 20)
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

async function startTracker(): Promise<{ transport: Transport; token: string }> {
  const transport = await createTlsTransport({ seed: seedOf('tracker') })
  const listener = await transport.listen({
    address: '127.0.0.1:0',
    handler: router([
      route(registerProvider, () => Promise.resolve({ value: { genesis } })),
      route(reportProvider, () => Promise.resolve({ value: { free: [] } })),
    ]),
  })
  const token = encodeJoinToken({
    kind: TOKEN_PROVIDER,
    address: listener.address,
    peerId: peerId(nodePrimitives, transport.publicKey),
    secret: seedOf('secret'),
    pool,
    inviter: seedOf('alice'),
  })
  return { transport, token }
}

interface Started {
  readonly child: ChildProcess
  readonly address: string
  readonly id: Uint8Array
}

async function startProviderProcess(folder: string, token: string): Promise<Started> {
  const child = spawn(
    process.execPath,
    [path.join(import.meta.dirname, 'provider.child.ts'), folder, token],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const lines = readline.createInterface({ input: child.stdout })
  const [line] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) =>
      Promise.reject(new Error(`the provider ended with ${String(code)}`)),
    ),
  ])) as [string]
  const [address = '', id = ''] = line.split(' ')
  return { child, address, id: fromHex(id)! }
}

async function connect(
  client: Transport,
  to: Started,
  kind: 0 | 1,
  shards: readonly TestShard[],
): Promise<Connection> {
  const connection = await client.dial(to.address, to.id)
  const ticket = signObject(nodePrimitives, 'ticket', pool, logSeed, ticketCodec, {
    suite: 1,
    kind,
    holder: client.publicKey,
    provider: to.id,
    shards: shards.map(({ id, bytes }) => [id, bytes.length, 0] as const),
    notAfter: Math.floor(Date.now() / 1_000) + 600,
    serial: new Uint8Array(16),
    space: new Uint8Array(32),
  })
  await call(connection, presentTicket, { ticket })
  return connection
}

it(`keeps what it acknowledged through ${ROUNDS} kills`, async () => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-provider-crash-'))
  const tracker = await startTracker()
  const client = await createTlsTransport({ seed: seedOf('client') })
  const shards = Array.from({ length: 24 }, (_, i) => testShard(i, 2, 40_000 + i))
  const acknowledged = new Map<string, TestShard>()
  let identity: string | undefined
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const provider = await startProviderProcess(path.join(folder, 'p'), tracker.token)
      identity ??= `${provider.address} ${toHex(provider.id)}`
      expect(`${provider.address} ${toHex(provider.id)}`).toBe(identity)
      const reader = await connect(client, provider, TICKET_READ, shards)
      for (const { id, bytes } of acknowledged.values()) {
        const { body } = await call(reader, readShard, { shard: id, ranges: [] })
        expect(toHex(body) === toHex(bytes), `round ${round}: shard ${toHex(id)}`).toBe(true)
      }
      const writer = await connect(client, provider, TICKET_WRITE, shards)
      // Dies while acknowledgements are under way: after a few of them, another number in every round.
      const enough = round % 7
      let seen = 0
      const gone = once(provider.child, 'exit')
      const rest = shards.filter(({ id }) => !acknowledged.has(toHex(id))).slice(0, 8)
      if (rest.length === 0 || enough === 0) provider.child.kill('SIGKILL')
      await Promise.all(
        rest.map(async (shard) => {
          try {
            await call(writer, putShard, { shard: shard.id, index: 0, k: 4 }, shard.bytes)
            acknowledged.set(toHex(shard.id), shard)
          } catch (error) {
            if (!(error instanceof AllmendError) || error.policy !== 'retry') throw error
          }
          if (++seen >= enough) provider.child.kill('SIGKILL')
        }),
      )
      provider.child.kill('SIGKILL')
      await gone
    }
    expect(acknowledged.size).toBeGreaterThan(0)
  } finally {
    await Promise.all([client.close(), tracker.transport.close()])
    await fs.rm(folder, { recursive: true })
  }
})
