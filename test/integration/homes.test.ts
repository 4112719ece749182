/** Families run a pool: the tracker on a public host, six providers in three homes behind routers, no port opened anywhere. */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PutResult } from '../../src/client/put.ts'
import { HomePool } from '../network/home-pool.ts'
import { Lab, labMissing } from '../network/lab.ts'

const missing = labMissing()
const title = missing === undefined ? 'a pool in homes' : `a pool in homes (skipped: ${missing})`
const HOMES = ['red', 'green', 'blue'] as const

interface Peer {
  readonly role: string
  readonly name: string
  readonly transport?: string
  readonly relayed?: boolean
  readonly nat: string
  readonly problem?: string
}

describe.skipIf(missing !== undefined)(title, () => {
  let lab: Lab
  let pool: HomePool

  beforeAll(async () => {
    lab = new Lab()
    for (const home of [...HOMES, 'alice']) lab.home(home, 'cone')
    lab.home('bob', 'symmetric')
    pool = await HomePool.start(lab)
    await pool.join('alice', pool.ready['foundingToken']!)
    await Promise.all(
      HOMES.flatMap((home) => [1, 2].map((i) => pool.provider(home, `${home}-${i}`, 'alice'))),
    )
    fs.writeFileSync(pool.at('photos'), randomBytes(40_000_000))
  })
  afterAll(() => pool.close())

  const same = (name: string): boolean =>
    fs.readFileSync(pool.at(name)).equals(fs.readFileSync(pool.at('photos')))

  test('homes reach each other directly, the tracker over TLS', async () => {
    const peers = await pool.json<Peer>('alice', 'peers')
    expect(peers.map(({ role }) => role)).toEqual([
      'tracker',
      ...HOMES.flatMap(() => ['provider', 'provider']),
    ])
    for (const peer of peers)
      expect(peer).toMatchObject(
        peer.role === 'tracker'
          ? { transport: 'tls', relayed: false, nat: 'open' }
          : { transport: 'udp', relayed: false },
      )
  })

  test('a put goes on when the member moves to another network while it runs', async () => {
    const { child, finished } = pool.spawn('alice', 'put', pool.at('photos'), '/home/photos', '--json')
    // The journal says that stripes are on their way.
    const journal = fs.watch(pool.at('homes', 'alice', 'journal'))
    await Promise.race([once(journal, 'change'), once(child, 'exit')])
    journal.close()
    lab.renumber('alice')
    const { code, stdout, stderr } = await finished
    expect(code, stderr).toBe(0)
    const { safety } = JSON.parse(stdout) as PutResult
    expect(safety.missingShards).toBe(0)
  })

  test('a get goes on when a provider’s home gets another address while it runs', async () => {
    const { child, finished } = pool.spawn('alice', 'get', '/home/photos', pool.at('of alice'))
    const folder = fs.watch(pool.root)
    await Promise.race([once(folder, 'change'), once(child, 'exit')])
    folder.close()
    lab.renumber('blue')
    const { code, stderr } = await finished
    expect(code, stderr).toBe(0)
    expect(same('of alice')).toBe(true)
  })

  test('a member behind a symmetric NAT gets it all, by way of the relay, when two providers have died', async () => {
    const [invite] = await pool.json('alice', 'member', 'invite')
    const joined = pool.join('bob', invite!['token']!)
    let admitted: { admitted?: unknown[] }[] = []
    while (!admitted.some((each) => (each.admitted ?? []).length > 0))
      admitted = await pool.json<{ admitted?: unknown[] }>('alice', 'member', 'admit')
    await joined
    const peers = await pool.json<Peer>('bob', 'peers')
    expect(peers.filter(({ problem }) => problem !== undefined)).toEqual([])
    for (const { role, transport } of peers) expect(transport).toBe(role === 'tracker' ? 'tls' : 'udp')
    // Bob has no rights in Alice's space; that his providers answer him is what the network owes him.
    await pool.kill('red-1', 'green-2')
    await pool.json('bob', 'put', pool.at('photos'), '/home/photos')
    await pool.json('bob', 'get', '/home/photos', pool.at('of bob'))
    expect(same('of bob')).toBe(true)
  })
})
