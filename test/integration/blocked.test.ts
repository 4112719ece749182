/** A home whose router lets through but one of UDP and TCP, and a pool that can be reached both ways. */
import * as fs from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { randomFrom } from '../fixtures/seeded-random.ts'
import { HomePool } from '../network/home-pool.ts'
import { describeInLab } from '../network/describe-in-lab.ts'
import { Lab } from '../network/lab.ts'

interface Finding {
  readonly check: string
  readonly result: string
  readonly found: string
  readonly advice?: string
}

describeInLab('a home whose router blocks', () => {
  let lab: Lab
  let pool: HomePool

  beforeAll(async () => {
    lab = new Lab()
    lab.home('alice', 'cone')
    const office = lab.publicHost('office')
    pool = await HomePool.start(lab)
    await pool.join('alice', pool.ready['foundingToken']!)
    await Promise.all(
      [1, 2, 3].map((i) => pool.provider('office', `office-${i}`, 'alice', `--listen=${office}:700${i}`)),
    )
    fs.writeFileSync(pool.at('letters'), randomFrom(1).bytes(5_000_000))
  })
  afterAll(() => pool.close())

  test.each([
    { blocked: 'udp', used: 'tls', finding: 'udp', words: /UDP/ },
    { blocked: 'tcp', used: 'udp', finding: 'tcp', words: /TCP/ },
  ] as const)(
    '$blocked goes on over $used, and doctor says so',
    async ({ blocked, used, finding, words }) => {
      lab.block('alice', blocked)
      await pool.json('alice', 'put', pool.at('letters'), `/home/${blocked}`)
      await pool.json('alice', 'get', `/home/${blocked}`, pool.at(`without ${blocked}`))
      expect(fs.readFileSync(pool.at(`without ${blocked}`)).equals(fs.readFileSync(pool.at('letters')))).toBe(
        true,
      )
      for (const peer of await pool.json('alice', 'peers')) expect(peer).toMatchObject({ transport: used })

      const { code, stdout } = await pool.spawn('alice', 'doctor', '--json').finished
      const findings = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Finding)
      const { result, found, advice } = findings.find(({ check }) => check === finding)!
      expect([code, result]).toEqual([0, 'warning'])
      expect(`${found} ${advice}`).toMatch(words)
    },
  )
})
