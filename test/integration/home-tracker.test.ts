/** A pool of which nothing can be reached: its tracker is at a home, too. A bootstrap node and a relay on rented machines help. */
import * as fs from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../fixtures/processes/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'
import { HomePool } from '../network/home-pool.ts'
import { describeInLab } from '../network/describe-in-lab.ts'
import { Lab } from '../network/lab.ts'

interface Peer {
  readonly role: string
  readonly relayed?: boolean
  readonly relays: boolean
}

describeInLab('a tracker at home', () => {
  let lab: Lab
  let pool: HomePool

  beforeAll(async () => {
    lab = new Lab()
    for (const home of ['red', 'green', 'alice']) lab.home(home, 'cone')
    for (const home of ['bob', 'carol', 'blue']) lab.home(home, 'symmetric')
    const bootstrap = `--bootstrap=${lab.publicHost('boot')}:7400`
    pool = await HomePool.start(lab, { trackerAt: 'red' })
    await pool.networkNode('bootstrap', 'boot', bootstrap.replace('bootstrap', 'listen'))
    await pool.startTracker(bootstrap)
    const listen = `--listen=${lab.publicHost('relay')}:7400`
    const relay = await pool.networkNode(
      'relay',
      'relay',
      listen,
      bootstrap,
      `--tracker=${pool.ready['address']}`,
    )
    await pool.end('SIGTERM', 'tracker')
    await pool.startTracker(`--node=${relay}`)
    await pool.join('alice', pool.ready['foundingToken']!)
    await Promise.all(
      ['red', 'green', 'green'].map((home, i) => pool.provider(home, `${home}-${i}`, 'alice')),
    )
    fs.writeFileSync(pool.at('letters'), randomFrom(1).bytes(5_000_000))
  })
  afterAll(() => pool.close())

  async function putAndGet(name: string, member = 'alice'): Promise<void> {
    const copy = pool.at(`${member} ${name}`)
    await pool.json(member, 'put', pool.at('letters'), `/home/${name}`)
    await pool.json(member, 'get', `/home/${name}`, copy)
    expect(fs.readFileSync(copy).equals(fs.readFileSync(pool.at('letters')))).toBe(true)
  }

  test('is reached by hole punching', async () => {
    await putAndGet('from home')
    // Whose direct way takes more than 0.6 s for once, as on a busy machine, is reached by a relay until the next dial.
    const direct = await until(async () => {
      const found = await pool.json<Peer>('alice', 'peers')
      return found.some(({ relays }) => relays) && found.every(({ relayed }) => relayed === false)
        ? found
        : undefined
    })
    expect(direct.map(({ role }) => role).toSorted()).toEqual(
      ['tracker', 'node', 'provider', 'provider', 'provider'].toSorted(),
    )
  })

  test('is reached by the relay from a network with a symmetric router', async () => {
    lab.move('alice', 'symmetric')
    await putAndGet('from the road')
  })

  /** A member joins with no more than a token, and has files of his own. */
  async function joinAndPut(member: string): Promise<void> {
    const [invite] = await pool.json('alice', 'member', 'invite')
    const joined = pool.join(member, invite!['token']!)
    await until(async () => {
      const [line] = await pool.json<{ admitted?: unknown[] }>('alice', 'member', 'admit')
      return line?.admitted?.length === 1 ? line : undefined
    })
    await joined
    await putAndGet('hello', member)
  }

  test('is joined from behind symmetric routers', async () => {
    await Promise.all([pool.provider('blue', 'blue-1', 'alice'), joinAndPut('bob')])
  })

  test('is joined from there also when its own router is one', async () => {
    lab.move('red', 'symmetric')
    await Promise.all([pool.provider('blue', 'blue-2', 'alice'), joinAndPut('carol')])
  })
})
