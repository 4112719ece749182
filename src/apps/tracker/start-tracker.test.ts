import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { seedOf, silent } from '../../../test/fixtures/provider-pool.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { createTlsTransport } from '../../adapters/tls/tls-transport.ts'
import { freeUdpPort } from '../../adapters/udp/free-udp-port.ts'
import { toHex } from '../../core/open/bytes.ts'
import { FolderError, UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import { TOKEN_FOUNDING, parseJoinToken } from '../../core/open/peers/join-token.ts'
import { genesisCodec, memberRecordCodec, poolIdOf } from '../../core/open/objects/identity.ts'
import { signObject } from '../../core/open/objects/signed.ts'
import { ZERO_ID } from '../../core/open/objects/suite.ts'
import { describePool, foundPool, resolveMember } from '../../core/open/protocol/tracker-methods.ts'
import { createDeviceKeys, issueCertificate } from '../../core/secret/device-keys.ts'
import { deriveMemberKeys, memberEnc } from '../../core/secret/member-keys.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import { call } from '../../ports/rpc.ts'
import type { RunningTracker } from './start-tracker.ts'
import { startTracker } from './start-tracker.ts'

let folder: string
let running: RunningTracker[]
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-tracker-app-'))
  running = []
})
afterEach(async () => {
  for (const tracker of running) await tracker.close()
  fs.rmSync(folder, { recursive: true, force: true })
})
const start = async (listen?: string) => {
  const tracker = await startTracker({ folder, logger: silent, ...(listen === undefined ? {} : { listen }) })
  running.push(tracker)
  return tracker
}

/** Founds the pool over TLS as a first member would, and returns its id. */
async function found(token: string): Promise<Uint8Array> {
  const parsed = parseJoinToken(token)
  if (parsed.kind !== TOKEN_FOUNDING) throw new TypeError('not a founding token')
  const entropy = seedOf('phrase')
  const member = deriveMemberKeys(p, entropy)
  const device = await createDeviceKeys(p, nodeRandom)
  const transport = await createTlsTransport({ seed: device.netSeed })
  const connection = await transport.dial(parsed.address, parsed.peerId)
  const { value } = await call(connection, describePool, {})
  const genesis = genesisCodec.encode({
    v: 1,
    suite: 1,
    logKey: value.logKey,
    admins: [member.memberId],
    witnessPolicy: 0,
    minimumSuite: 1,
    nonce: seedOf('nonce'),
  })
  const pool = poolIdOf(p, genesis)
  const record = signObject(p, 'member', pool, member.signSeed, memberRecordCodec, {
    suite: 1,
    name: 'alice',
    sign: member.signPublic,
    enc: [[1, (await memberEnc(p, entropy, 1)).publicKey]],
    seq: 0,
    prev: ZERO_ID,
  })
  const notAfter = Math.floor(value.time / 1_000) + 3_600
  const certificate = issueCertificate(p, pool, member, device, { label: 'laptop', notAfter, serial: 1 })
  await call(connection, foundPool, { secret: parsed.secret, genesis, record, certificate })
  const known = await call(connection, resolveMember, { name: 'alice' })
  expect(known.value.member?.state).toBe(1)
  await transport.close()
  return pool
}

test('a tracker whose ports have two numbers keeps both', async () => {
  const first = await start('127.0.0.1:0')
  await first.close()
  // As where somebody had the number of TCP.
  const file = path.join(folder, 'tracker.json')
  const udpPort = await freeUdpPort()
  fs.writeFileSync(file, JSON.stringify({ ...JSON.parse(fs.readFileSync(file, 'utf8')), udpPort }))
  expect((await start()).address).toBe(`${first.address}@127.0.0.1:${udpPort}`)
})

test('a tracker is founded with its token once, and starts again where it was, as who it was', async () => {
  const first = await start('127.0.0.1:0')
  expect(first.poolId).toBeUndefined()
  for (const name of ['log.key', 'net.key', 'founding.secret'])
    expect(fs.statSync(path.join(folder, name)).mode & 0o777).toBe(0o600)
  const pool = await found(first.foundingToken!)
  await first.close()
  const second = await start()
  expect([second.address, toHex(second.peerId)]).toEqual([first.address, toHex(first.peerId)])
  expect(toHex(second.poolId!)).toBe(toHex(pool))
  expect(second.foundingToken).toBeUndefined()
  expect(fs.existsSync(path.join(folder, 'founding.secret'))).toBe(false)
})

test('a folder belongs to one tracker, and a port that is taken is told', async () => {
  const first = await start('127.0.0.1:0')
  await expect(start('127.0.0.1:0')).rejects.toBeInstanceOf(FolderError)
  const other = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-tracker-app-'))
  const second = startTracker({ folder: other, logger: silent, listen: first.address })
  await expect(second).rejects.toBeInstanceOf(UnreachableError)
  // What failed has freed its folder again.
  await (await startTracker({ folder: other, logger: silent, listen: '127.0.0.1:0' })).close()
  fs.rmSync(other, { recursive: true })
})

test('who dials with another peer id gets no answer', async () => {
  const tracker = await start('127.0.0.1:0')
  const transport = await createTlsTransport({ seed: seedOf('client') })
  await expect(transport.dial(tracker.address, seedOf('another'))).rejects.toBeInstanceOf(UntrustedError)
  await transport.close()
})

test('a folder without its keys or its database says what is missing', async () => {
  const tracker = await start('127.0.0.1:0')
  await found(tracker.foundingToken!)
  await tracker.close()
  fs.rmSync(path.join(folder, 'founding.secret'), { force: true })
  fs.renameSync(path.join(folder, 'tracker.db'), path.join(folder, 'kept'))
  await expect(start()).rejects.toThrow(/tracker\.db/)
  for (const left of ['tracker.db', 'tracker.db-wal']) fs.rmSync(path.join(folder, left), { force: true })
  fs.renameSync(path.join(folder, 'kept'), path.join(folder, 'tracker.db'))
  const key = path.join(folder, 'log.key')
  fs.renameSync(key, `${key}.kept`)
  await expect(start()).rejects.toThrow(/log\.key/)
  fs.renameSync(`${key}.kept`, key)
  expect((await start()).poolId).toBeDefined()
})
