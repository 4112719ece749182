/** Homes, words, invites: how people and providers come to a pool, each command a process of its own. */
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/open/bytes.ts'
import { ProcessPool, until } from '../fixtures/processes/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'

interface Identity {
  readonly name: string
  readonly member: string
  readonly pool: string
  readonly tracker: string
  readonly home: string
}

const PROVIDERS = 4

describe('a pool that others come to', () => {
  let pool: ProcessPool
  beforeAll(async () => {
    pool = await ProcessPool.start({ providers: PROVIDERS })
    fs.writeFileSync(pool.at('letter'), 'from the first home')
    expect((await pool.run('put', pool.at('letter'), '/home/')).code).toBe(0)
  })
  afterAll(() => pool.close())

  const words = () => fs.readFileSync(`${pool.home()}/phrase.txt`, 'utf8').trim()

  test('24 words make a second home, with a passphrase of its own, and both work', async () => {
    expect(words().split(' ')).toHaveLength(24)
    const first = await pool.json<Identity>('whoami')
    const home = pool.at('second')
    const env = { ALLMEND_HOME: home, ALLMEND_PASSPHRASE: 'correct horse' }
    const recovered = await pool.spawn(['recover', '--tracker', first.tracker, '--json'], {
      env,
      stdin: `${words()}\n`,
    }).finished
    expect(recovered.code, recovered.stderr).toBe(0)
    expect(JSON.parse(recovered.stdout)).toMatchObject({ name: 'alice', home })
    const second = await pool.spawn(['whoami', '--json'], { env }).finished
    expect(JSON.parse(second.stdout)).toEqual({ ...first, home })

    const read = await pool.spawn(['cat', '/home/letter'], { env }).finished
    expect(read.stdout, read.stderr).toBe('from the first home')
    fs.writeFileSync(pool.at('answer'), 'from the second home')
    expect((await pool.spawn(['put', pool.at('answer'), '/home/'], { env }).finished).code).toBe(0)
    expect((await pool.run('cat', '/home/answer')).stdout).toBe('from the second home')
    fs.writeFileSync(pool.at('letter'), 'changed in the first home')
    expect((await pool.run('put', pool.at('letter'), '/home/')).code).toBe(0)
    fs.writeFileSync(pool.at('passphrase'), 'correct horse\n')
    const flags = ['--home', home, '--passphrase-file', pool.at('passphrase')]
    expect((await pool.run('cat', '/home/letter', ...flags)).stdout).toBe('changed in the first home')

    const wrong = await pool.spawn(['ls', '/home'], { env: { ...env, ALLMEND_PASSPHRASE: 'wrong' } }).finished
    expect(wrong).toMatchObject({ code: 4, stdout: '' })
    const none = await pool.spawn(['ls', '/home'], { env: { ALLMEND_HOME: home } }).finished
    expect(none).toMatchObject({ code: 2, stdout: '' })
    const there = await pool.spawn(['recover', '--tracker', first.tracker], { env, stdin: `${words()}\n` })
      .finished
    expect(there.code).toBe(5)
  })

  test('a home whose making was cut short is made anew and works', async () => {
    const { tracker } = await pool.json<Identity>('whoami')
    const env = { ALLMEND_HOME: pool.at('cut short') }
    const recover = () =>
      pool.spawn(['recover', '--tracker', tracker, '--unattended'], { env, stdin: `${words()}\n` }).finished
    expect((await recover()).code).toBe(0)
    expect((await pool.spawn(['mkdir', '/home/before'], { env }).finished).code).toBe(0)
    // Written last of all: this is how a home looks that was killed just before.
    fs.rmSync(path.join(env.ALLMEND_HOME, 'config.json'))
    expect((await pool.spawn(['ls', '/home'], { env }).finished).code).toBe(3)
    expect((await recover()).code).toBe(0)
    const { code, stderr } = await pool.spawn(['mkdir', '/home/after'], { env }).finished
    expect(code, stderr).toBe(0)
  })

  test('words that are none make no home', async () => {
    const { tracker } = await pool.json<Identity>('whoami')
    const home = pool.at('nobody')
    const swapped = words().split(' ').toReversed().join(' ')
    for (const stdin of ['', 'only four short words\n', `${swapped}\n`]) {
      const args = ['recover', '--tracker', tracker, '--unattended']
      const { code, stdout } = await pool.spawn(args, { env: { ALLMEND_HOME: home }, stdin }).finished
      expect([2, 3, 4], JSON.stringify(stdin)).toContain(code)
      expect(stdout).toBe('')
      expect((await pool.spawn(['whoami'], { env: { ALLMEND_HOME: home } }).finished).code).toBe(3)
    }
  })

  test('an invite makes one more member, who has files of their own', async () => {
    const { token } = await pool.json<{ token: string }>('member', 'invite')
    const home = pool.at('carol')
    const env = { ALLMEND_HOME: home, ALLMEND_JOIN: token }
    const phrase = pool.at('carol.txt')
    const joining = pool.spawn(
      ['init', '--name', 'carol', '--unattended', '--phrase-file', phrase, '--json'],
      { env },
    )
    const admitted = await until(async () => {
      const { admitted: names } = await pool.json<{ admitted: { name: string }[] }>('member', 'admit')
      return names.length > 0 ? names : undefined
    })
    expect(admitted).toMatchObject([{ name: 'carol' }])
    const joined = await joining.finished
    expect(joined.code, joined.stderr).toBe(0)
    expect(JSON.parse(joined.stdout)).toMatchObject({ name: 'carol', home })
    expect(fs.readFileSync(phrase, 'utf8').trim().split(' ')).toHaveLength(24)
    expect(fs.statSync(phrase).mode & 0o777).toBe(0o600)

    fs.writeFileSync(pool.at('secret'), "carol's")
    expect((await pool.spawn(['put', pool.at('secret'), '/home/'], { env }).finished).code).toBe(0)
    expect((await pool.spawn(['cat', '/home/secret'], { env }).finished).stdout).toBe("carol's")
    expect((await pool.run('cat', '/home/secret')).code).toBe(3)
    expect((await pool.spawn(['cat', '/home/letter'], { env }).finished).code).toBe(3)

    const args = ['init', '--name', 'mallory', '--unattended', '--phrase-file', pool.at('m.txt')]
    const reused = await pool.spawn(args, { env: { ...env, ALLMEND_HOME: pool.at('mallory') } }).finished
    expect(reused.code, reused.stderr).toBe(5)
  })

  test('a provider that comes with an invite holds shards of the next put', async () => {
    const { token } = await pool.json<{ token: string }>('provider', 'invite')
    const store = pool.at('their disk')
    const args = [
      '--json',
      'provider',
      'start',
      '--store',
      store,
      '--name',
      'theirs',
      '--listen',
      '127.0.0.1:0',
    ]
    const started = pool.spawn([...args, '--capacity', '1GB'], { env: { ALLMEND_JOIN: token } })
    const [line] = (await once(started.child.stdout!, 'data')) as [Buffer]
    const { peer, pid } = JSON.parse(line.toString('utf8')) as { peer: string; pid: number }
    expect(pid).toBe(started.child.pid)
    await pool.providersUp(PROVIDERS + 1)
    fs.writeFileSync(pool.at('more'), randomFrom(3).bytes(4_000_000))
    expect((await pool.run('put', pool.at('more'), '/home/')).code).toBe(0)
    const held = await until(async () => {
      const { providers } = await pool.status()
      const theirs = providers.find(({ id }) => id === peer)
      return theirs !== undefined && theirs.shards > 0 ? theirs : undefined
    })
    expect(held).toMatchObject({ name: 'theirs', state: 'up', capacity: 1_000_000_000, pid })

    const other = [...args.slice(0, 4), pool.at('another disk'), '--capacity', '1GB']
    const reused = await pool.spawn(other, { env: { ALLMEND_JOIN: token } }).finished
    expect(reused, reused.stderr).toMatchObject({ code: 5, stdout: '' })

    started.child.kill('SIGTERM')
    expect((await started.finished).code).toBe(0)
    // Later it needs no token: it knows where it belongs.
    pool.spawn(['--json', 'provider', 'start', '--store', store])
    await pool.providersUp(PROVIDERS + 1)
    expect((await pool.run('check', '--read-data')).code).toBe(0)
  })

  test('secrets are in no argument and in no log', async () => {
    const secrets = [words(), words().split(' ').slice(0, 3).join(' ')]
    for (const id of ['1', '2', '3', '4']) {
      const key = fs.readFileSync(`${pool.dir}/providers/${id}/operator.key`, 'utf8').trim()
      expect(key).toHaveLength(64)
      secrets.push(key)
    }
    const unlock = fs.readFileSync(`${pool.home()}/unlock.key`)
    secrets.push(toHex(unlock), unlock.toString('base64'), unlock.toString('base64url'))
    const { token } = await pool.json<{ token: string }>('provider', 'invite')
    secrets.push(token.slice(token.indexOf('#') + 1))
    for (const { pid } of pool.processes()) {
      const shown = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      expect(secrets.filter((secret) => shown.includes(secret))).toEqual([])
      expect(shown).not.toMatch(/#[\w-]{40}/)
    }
    for (const name of fs.readdirSync(`${pool.dir}/logs`)) {
      const logged = fs.readFileSync(`${pool.dir}/logs/${name}`, 'utf8')
      expect(secrets.filter((secret) => logged.includes(secret))).toEqual([])
      expect(logged).not.toMatch(/#[\w-]{100}/)
    }
  })
})
