/** A pool set up by hand, as over several machines: tracker, founder with a passphrase, recovery, providers, a second member. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli, spawnCli } from '../fixtures/processes/cli-process.ts'

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-cli-'))
const at = (...names: string[]) => path.join(root, ...names)
const PASSPHRASE = { ALLMEND_PASSPHRASE: 'correct horse' }
const roles: ChildProcess[] = []
let foundingToken = ''

/** Starts a role and gives the document that it prints when it runs. */
async function role(...args: string[]): Promise<Record<string, string>> {
  const child = spawnCli([...args, '--json'])
  roles.push(child)
  child.stderr?.resume()
  const [line] = (await once(readline.createInterface({ input: child.stdout! }), 'line')) as [string]
  return JSON.parse(line) as Record<string, string>
}

beforeAll(async () => {
  const tracker = await role('tracker', 'start', '--dir', at('tracker'), '--listen', '127.0.0.1:0')
  foundingToken = tracker['foundingToken'] ?? ''
}, 60_000)

afterAll(async () => {
  await Promise.all(
    roles.map(async (child) => {
      const gone = once(child, 'close')
      child.kill('SIGTERM')
      await gone
    }),
  )
  fs.rmSync(root, { recursive: true, force: true })
}, 60_000)

const alice = (...args: string[]) => runCli([...args, '--home', at('alice')], { env: PASSPHRASE })
/** Alice on another machine, where no passphrase has to be stretched for each command. */
const elsewhere = (...args: string[]) => runCli([...args, '--home', at('new')])

describe('members and providers by hand', { timeout: 120_000 }, () => {
  it('founds a pool, with the words and the token from elsewhere than arguments', async () => {
    const made = await runCli(
      ['init', '--home', at('alice'), '--name', 'alice', '--phrase-file', at('words'), '--json'],
      { stdin: `${foundingToken}\ncorrect horse\n` },
    )
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(made.stdout)).toMatchObject({ name: 'alice', home: at('alice') })
    expect(fs.readFileSync(at('words'), 'utf8').trim().split(' ')).toHaveLength(24)
    expect(fs.statSync(at('words')).mode & 0o777).toBe(0o600)
    expect(fs.statSync(at('alice')).mode & 0o777).toBe(0o700)
    expect(fs.existsSync(at('alice', 'unlock.key'))).toBe(false)
    expect((await alice('whoami')).stdout).toMatch(/^name +alice$/m)
    expect(await alice('ls', '/')).toEqual({ code: 0, stdout: 'home\n', stderr: '' })
  })

  it('leaves a home as it is when it is made again', async () => {
    const again = await runCli(['init', '--home', at('alice'), '--join', foundingToken, '--unattended'])
    expect(again.code).toBe(5)
    expect((await alice('ls', '/')).code).toBe(0)
  })

  it('refuses a wrong passphrase with 4, and founding twice', async () => {
    const wrong = { ALLMEND_PASSPHRASE: 'wrong horse' }
    expect((await runCli(['ls', '/', '--home', at('alice')], { env: wrong })).code).toBe(4)
    const second = await runCli(['init', '--home', at('eve'), '--name', 'eve', '--unattended'], {
      env: { ALLMEND_JOIN: foundingToken },
    })
    expect([4, 5]).toContain(second.code)
  })

  it('recovers everything on another machine from the 24 words', async () => {
    const { stdout } = await alice('whoami', '--json')
    const { tracker } = JSON.parse(stdout) as { tracker: string }
    const from = ['recover', '--tracker', tracker, '--unattended']
    const recovered = await runCli([...from, '--home', at('new'), '--phrase-file', at('words')])
    expect(recovered).toMatchObject({ code: 0 })
    expect(await elsewhere('mkdir', '/home/from-there')).toMatchObject({ code: 0 })
    expect((await alice('ls', '/home')).stdout).toBe('from-there\n')
    const strangers = { ALLMEND_PHRASE: `${'abandon '.repeat(23)}art` }
    expect((await runCli([...from, '--home', at('none')], { env: strangers })).code).toBe(3)
  })

  it('has too few providers at first, and takes files once three were started', async () => {
    fs.writeFileSync(at('file'), 'by hand')
    expect((await elsewhere('put', at('file'), '/home/', '--wait', '1')).code).toBe(6)
    for (const number of [1, 2, 3]) {
      const invite = await elsewhere('provider', 'invite')
      expect(invite.code).toBe(0)
      const store = ['--store', at(`provider-${number}`), '--capacity', '1GB', '--listen', '127.0.0.1:0']
      await role('provider', 'start', '--join', invite.stdout.trim(), ...store)
    }
    expect((await elsewhere('put', at('file'), '/home/')).code).toBe(0)
    for (const home of [elsewhere, alice]) expect((await home('cat', '/home/file')).stdout).toBe('by hand')
  })

  it('lets a second member in who waits for being admitted, and keeps spaces apart', async () => {
    const invite = await elsewhere('member', 'invite', '--json')
    expect(invite).toMatchObject({ code: 0 })
    const { token } = JSON.parse(invite.stdout) as { token: string }
    const bob = spawnCli(['init', '--home', at('bob'), '--name', 'bob', '--join', token, '--unattended'])
    bob.stdout?.resume()
    const closed = once(bob, 'close')
    // The 24 words come first, then what to do.
    for await (const line of readline.createInterface({ input: bob.stderr! }))
      if (line.startsWith('Waiting to be admitted')) break
    const admitted = await elsewhere('member', 'admit', '--json')
    expect(admitted).toMatchObject({ code: 0 })
    expect(JSON.parse(admitted.stdout)).toMatchObject({ admitted: [{ name: 'bob' }] })
    expect(await closed).toEqual([0, null])
    expect((await runCli(['ls', '/home', '--home', at('bob')])).stdout).toBe('')
    expect((await runCli(['cat', '/home/file', '--home', at('bob')])).code).toBe(3)
    expect((await elsewhere('member', 'admit')).stdout).toBe('Nobody is waiting.\n')
  })
})
