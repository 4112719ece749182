/**
 * A pool on one switch with no route to anywhere: it begins, goes on after all of its nodes have got other addresses, and is read without
 * its tracker. No host and no port is named to anybody; multicast DNS has to do.
 */
import * as fs from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../fixtures/processes/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'
import { HomePool } from '../network/home-pool.ts'
import { describeInLab } from '../network/describe-in-lab.ts'
import { LAN_NET, Lab } from '../network/lab.ts'

describeInLab(
  'a LAN alone',
  () => {
    let lab: Lab
    let pool: HomePool

    beforeAll(async () => {
      lab = new Lab(LAN_NET)
      for (const host of ['attic', 'shed', 'alice']) lab.publicHost(host)
      pool = await HomePool.start(lab, { trackerAt: 'attic', byKey: true })
      await pool.startTracker()
      await pool.join('alice', pool.ready['foundingToken']!)
      fs.writeFileSync(pool.at('photos'), randomFrom(1).bytes(10_000_000))
    })
    afterAll(() => pool.close())

    async function getBack(name: string, ...more: string[]): Promise<void> {
      const target = pool.at(`${name} that came back`)
      await until(async () => {
        const { code } = await pool.spawn('alice', 'get', `/home/${name}`, target, ...more).finished
        return code === 0 ? true : undefined
      })
      expect(fs.readFileSync(target).equals(fs.readFileSync(pool.at('photos')))).toBe(true)
      fs.rmSync(target)
    }

    test('providers join by the tracker’s key alone, and what is put comes back', async () => {
      await Promise.all(
        [1, 2, 3].map((i) => pool.provider('shed', `shed-${i}`, 'alice', '--offline-after=2')),
      )
      await pool.json('alice', 'put', pool.at('photos'), '/home/')
      await getBack('photos')
    })

    test('it goes on when all of its machines have got other addresses', async () => {
      for (const host of ['attic', 'shed', 'alice']) lab.renumber(host)
      await getBack('photos')
      await pool.json('alice', 'put', pool.at('photos'), '/home/again')
      await getBack('again')
    })

    test('what she had comes back without the tracker, from addresses that nobody told her', async () => {
      await pool.kill('tracker')
      lab.renumber('shed')
      await getBack('photos', '--tracker-wait=1')
    })
  },
  ['ip'],
)
