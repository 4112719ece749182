/**
 * Families run a pool: six providers in three homes behind routers, one of them symmetric, no port opened anywhere; the tracker and a
 * relay on public hosts. Tests follow each other in one pool.
 */
import { once } from 'node:events'
import * as fs from 'node:fs'
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest'
import type { PutResult } from '../../src/client/operations/put.ts'
import { MAX_SHARD_BYTES } from '../../src/core/open/stripes/stripe.ts'
import { until } from '../fixtures/processes/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'
import { HomePool } from '../network/home-pool.ts'
import { describeInLab } from '../network/describe-in-lab.ts'
import { Lab } from '../network/lab.ts'

const HOMES = ['red', 'green', 'blue'] as const
const BYTES = Number(process.env['ALLMEND_HOMES_BYTES'] ?? 200_000_000)
/** A fifth of the album is one file, and so large are letters. */
const SMALL = Math.floor(BYTES / 5)
/** Headers of packets, and those that are repeated. */
const LINE_FOR_A_BYTE = 1.08
/** What is in flight to a provider: a shard, and of the next one what may begin before it is out. */
const IN_FLIGHT = MAX_SHARD_BYTES + 2 ** 20

interface Peer {
  readonly role: string
  readonly name: string
  readonly transport?: string
  readonly relayed?: boolean
  readonly nat: string
  readonly relays: boolean
  readonly problem?: string
}

/** Of a file, or of the files in a folder. */
function bytesIn(name: string): number {
  const names = fs.statSync(name).isDirectory()
    ? fs.readdirSync(name).map((file) => `${name}/${file}`)
    : [name]
  return names.reduce((sum, file) => sum + fs.statSync(file).size, 0)
}

describeInLab('a pool in homes', () => {
  let lab: Lab
  let pool: HomePool

  beforeAll(async () => {
    lab = new Lab()
    for (const home of ['red', 'green', 'alice']) lab.home(home, 'cone')
    for (const home of ['blue', 'bob']) lab.home(home, 'symmetric')
    pool = await HomePool.start(lab)
    const tracker = pool.ready['address']!
    const place = `${lab.publicHost('relay')}:7400`
    const relay = await pool.networkNode(
      'relay',
      'relay',
      `--listen=${place}`,
      `--bootstrap=${tracker.split('+')[0]}`,
      `--tracker=${tracker}`,
    )
    await pool.end('SIGTERM', 'tracker')
    await pool.startTracker(`--node=${relay}`)
    await pool.join('alice', pool.ready['foundingToken']!)
    await Promise.all(
      HOMES.flatMap((home) =>
        [1, 2].map((i) => pool.provider(home, `${home}-${i}`, 'alice', '--offline-after=2')),
      ),
    )
    const random = randomFrom(1)
    fs.mkdirSync(pool.at('album'))
    fs.writeFileSync(pool.at('album', 'film'), random.bytes(BYTES - SMALL))
    fs.writeFileSync(pool.at('album', 'photo'), random.bytes(SMALL))
    fs.writeFileSync(pool.at('letters'), random.bytes(SMALL))
  })
  afterAll(() => pool.close())

  function expectSame(copy: string, original: string): void {
    const [one, other] = [pool.at(copy), pool.at(original)].map((file) => fs.readFileSync(file))
    expect([copy, one!.equals(other!)]).toEqual([copy, true])
  }

  /** Puts something; a home moves in the middle of that, and so many providers are out of reach then. */
  async function putWhileMoving(name: string, what: string, moving: string, cut: number, ...more: string[]) {
    const before = lab.sent(pool.hostOf(name))
    // On a machine that has much to do a home comes back later than ten seconds, which a put waits for its last shards by itself.
    const patience = ['--wait=60', ...more]
    const { child, finished } = pool.spawn(name, 'put', pool.at(what), '/home/', '--json', ...patience)
    // At 4+2 it sends 1.5 times the contents.
    const half = (bytesIn(pool.at(what)) * 1.5) / 2
    await until(() => lab.sent(pool.hostOf(name)) - before > half || child.exitCode !== null || undefined)
    lab.renumber(moving)
    const { code, stdout, stderr } = await finished
    expect(code, stderr).toBe(0)
    const { safety, sentBytes, repeatedBytes } = JSON.parse(stdout) as PutResult
    expect(safety).toMatchObject({ target: 2, missingShards: 0 })
    // Nothing goes twice but what was in flight, and nothing goes unseen.
    expect(repeatedBytes).toBeLessThanOrEqual(cut * IN_FLIGHT)
    expect(lab.sent(pool.hostOf(name)) - before).toBeLessThan(sentBytes * LINE_FOR_A_BYTE)
  }

  /** Gets something into a folder; a home moves once its first bytes are there. */
  async function getWhileMoving(name: string, what: string, moving: string, target: string): Promise<void> {
    fs.mkdirSync(pool.at(target))
    const { child, finished } = pool.spawn(name, 'get', `/home/${what}`, pool.at(target))
    const folder = fs.watch(pool.at(target), { recursive: true })
    await Promise.race([once(folder, 'change'), once(child, 'exit')])
    folder.close()
    lab.renumber(moving)
    const { code, stderr } = await finished
    expect(code, stderr).toBe(0)
  }

  test('homes reach each other, cone routers directly, and the tracker over TLS', async () => {
    const peers = await pool.json<Peer>('alice', 'peers')
    expect(peers.map(({ role }) => role).sort()).toEqual([
      'node',
      ...HOMES.flatMap(() => ['provider', 'provider']),
      'tracker',
    ])
    for (const peer of peers) {
      expect(peer).not.toHaveProperty('problem')
      expect(peer).toMatchObject(
        peer.role === 'provider' ? { transport: 'udp' } : { relayed: false, nat: 'open', relays: true },
      )
      if (/red|green/.test(peer.name)) expect(peer).toMatchObject({ relayed: false })
    }
  })

  test('200 MB go into the pool over UDP while a home gets another address', async () => {
    await putWhileMoving('alice', 'album', 'red', 2, '--transport=udp')
    expect(await pool.json('alice', 'ls', '-R', '/home/album')).toHaveLength(2)
  })

  test('two providers die; her tablet behind a symmetric router gets it all, and moves meanwhile', async () => {
    await pool.recover('tablet', 'bob', 'alice')
    await pool.kill('green-2', 'blue-1')
    await getWhileMoving('tablet', 'album', 'bob', 'tablet')
    for (const file of ['film', 'photo']) expectSame(`tablet/album/${file}`, `album/${file}`)
  })

  test('so does a member there with what is his; he moves while he puts it, a provider’s home while he gets it', async () => {
    const [invite] = await pool.json('alice', 'member', 'invite')
    const joined = pool.join('bob', invite!['token']!)
    await until(async () => {
      const [line] = await pool.json<{ admitted?: unknown[] }>('alice', 'member', 'admit')
      return line?.admitted?.length === 1 ? line : undefined
    })
    await joined
    await putWhileMoving('bob', 'letters', 'bob', 6)
    await getWhileMoving('bob', 'letters', 'red', 'bob')
    expectSame('bob/letters', 'letters')
  })

  test('with the tracker gone, she still gets what she had, through the relay that is left', async () => {
    await pool.kill('tracker', 'green-1')
    // What it remembers leads it back, though the node that it began with is gone.
    await pool.restart('green', 'green-1', '--offline-after=2')
    const complaints: string[] = []
    onTestFailed(() => void process.stderr.write(complaints.join('')))
    for (const name of ['alice', 'tablet']) {
      const target = pool.at(`${name} alone`)
      // Providers serve without the tracker once they have missed it for two seconds.
      await until(async () => {
        const { code, stderr } = await pool.spawn(
          name,
          'get',
          '/home/album/photo',
          target,
          '--tracker-wait=1',
        ).finished
        complaints.push(`${name}: exit code ${code}: ${stderr}`)
        return code === 0 ? true : undefined
      })
      expectSame(`${name} alone`, 'album/photo')
    }
  })
})
