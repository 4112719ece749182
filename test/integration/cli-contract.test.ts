/** What scripts and people rely on: exit codes, JSON, names, streams, signals; every command a process of its own. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GetResult } from '../../src/client/operations/get.ts'
import type { PutResult } from '../../src/client/operations/put.ts'
import { ProcessPool } from '../fixtures/processes/process-pool.ts'
import { randomFrom, seededRandom } from '../fixtures/seeded-random.ts'
import { startPut } from '../fixtures/processes/start-put.ts'

const PROVIDERS = 4
const launcher = path.join(import.meta.dirname, '..', '..', 'bin', 'allmend.js')
/** Bytes that aren't put before somebody sees that they are on their way. */
const BIG = 40_000_000
/** Enough lines to fill any pipe. */
const MANY = 1_200

/** Each line of it as JSON. */
const documents = (text: string): unknown[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line))

describe('the command line on a pool', () => {
  let pool: ProcessPool
  let file: Buffer
  beforeAll(async () => {
    pool = await ProcessPool.start({ providers: PROVIDERS })
    file = Buffer.from(randomFrom(4).bytes(3_000_000))
    fs.mkdirSync(pool.at('tree', 'many'), { recursive: true })
    fs.writeFileSync(pool.at('tree', 'file'), file)
    for (let i = 0; i < MANY; i++)
      fs.writeFileSync(pool.at('tree', 'many', `${'long-name-'.repeat(10)}${i}`), '')
    expect((await pool.run('put', pool.at('tree'), '/home/')).code).toBe(0)
  })
  afterAll(() => pool.close())

  test('exit codes say what happened', async () => {
    const ends = async (code: number, ...args: string[]): Promise<string> => {
      const { code: found, stdout, stderr } = await pool.run(...args)
      expect(found, `${args.join(' ')}: ${stderr}`).toBe(code)
      if (code > 1) {
        expect(stdout).toBe('')
        expect(stderr).not.toBe('')
      }
      return stderr
    }
    await ends(0, 'stat', '/home/tree')
    await ends(2, 'put')
    await ends(2, 'put', pool.at('tree'))
    await ends(2, 'ls', '--no-such-option')
    await ends(3, 'cat', '/home/absent')
    await ends(3, 'get', '/home/absent', pool.at('absent'))
    await ends(3, 'put', pool.at('absent'), '/home/')
    await ends(3, 'ls', '/home', '--home', pool.at('no-home'))
    await ends(5, 'mkdir', '/home/tree')
    expect(fs.existsSync(pool.at('absent'))).toBe(false)

    // What can't be stored is told, the rest is.
    fs.mkdirSync(pool.at('odd'))
    fs.writeFileSync(pool.at('odd', 'even'), 'kept')
    const socket = net.createServer().listen(pool.at('odd', 'socket'))
    await once(socket, 'listening')
    expect(await ends(1, 'put', pool.at('odd'), '/home/')).toMatch(/left out: .*odd\/socket/)
    socket.close()
    expect((await pool.run('cat', '/home/odd/even')).stdout).toBe('kept')
  })

  test('--json is JSON on every command, and nothing else', async () => {
    const commands = [
      ['put', pool.at('tree', 'file'), '/home/copy'],
      ['get', '/home/copy', pool.at('copy')],
      ['ls', '/'],
      ['ls', '-l', '/home'],
      ['ls', '-R', '/home/tree'],
      ['stat', '/home/copy'],
      ['mkdir', '-p', '/home/a/b'],
      ['mv', '/home/copy', '/home/a/b/copy'],
      ['status'],
      ['check'],
      ['check', '--read-data'],
      ['providers'],
      ['ledger', 'placements', '--sample', '5'],
      ['rm', '-r', '/home/a'],
      ['whoami'],
      ['member', 'invite'],
      ['member', 'admit'],
      ['provider', 'invite'],
    ]
    for (const args of commands) {
      const { code, stdout, stderr } = await pool.run('--json', ...args)
      expect({ code, stderr }, args.join(' ')).toEqual({ code: 0, stderr: '' })
      const count = args[0] === 'ls' ? expect.any(Number) : 1
      expect(documents(stdout).length, args.join(' ')).toEqual(count)
    }
    expect(documents((await pool.run('--json', 'ls', '-R', '/home/tree')).stdout)).toHaveLength(MANY + 2)
    for (const [args, error] of [
      [['cat', '/home/absent'], 'not-found'],
      [['mkdir', '/home/tree'], 'conflict'],
      [['ls', '--no-such-option'], 'usage'],
    ] as const) {
      const { stdout, stderr } = await pool.run(...args, '--json')
      expect(stdout).toBe('')
      expect(documents(stderr)).toMatchObject([{ error: { code: error } }])
    }
  })

  test('names that start with a dash, and places that are there or not', async () => {
    fs.mkdirSync(pool.at('dashes'))
    fs.writeFileSync(pool.at('dashes', '-rf'), 'dash')
    fs.writeFileSync(pool.at('dashes', '--json'), 'more dashes')
    const here = {
      cwd: pool.at('dashes'),
      env: { ...process.env, ALLMEND_HOME: pool.home() },
      encoding: 'utf8',
    } as const
    const run = (...args: string[]) => spawnSync(process.execPath, [launcher, ...args], here)
    expect(run('mkdir', '/home/dashes').status).toBe(0)
    expect(run('put', '--', '-rf', '--json', '/home/dashes').status).toBe(0)
    expect(run('ls', '/home/dashes').stdout.split('\n').sort()).toEqual(['', '--json', '-rf'])
    fs.rmSync(pool.at('dashes', '-rf'))
    expect(run('get', '--', '/home/dashes/-rf', '-rf').status).toBe(0)
    expect(fs.readFileSync(pool.at('dashes', '-rf'), 'utf8')).toBe('dash')

    // A new name is taken, a folder that is there is filled.
    expect((await pool.run('get', '/home/dashes', pool.at('new'))).code).toBe(0)
    expect(fs.readdirSync(pool.at('new')).sort()).toEqual(['--json', '-rf'])
    expect((await pool.run('get', '/home/dashes', pool.at('new'))).code).toBe(0)
    expect(fs.readdirSync(pool.at('new', 'dashes')).sort()).toEqual(['--json', '-rf'])
    expect((await pool.run('get', '/home/dashes/-rf', '/home/tree/file', pool.at('new'))).code).toBe(0)
    expect(fs.readFileSync(pool.at('new', 'file')).equals(file)).toBe(true)
  })

  test('cat gives exact ranges', async () => {
    const random = seededRandom()
    const whole = await pool.run('cat', '/home/tree/file')
    expect(whole.bytes.equals(file)).toBe(true)
    const ranges = Array.from({ length: 4 }, () => [random.below(file.length), random.below(file.length)])
    for (const [offset = 0, length = 0] of [...ranges, [file.length - 1, 10], [file.length, 1], [0, 0]]) {
      const { code, bytes } = await pool.run(
        'cat',
        '/home/tree/file',
        `--offset=${offset}`,
        `--length=${length}`,
      )
      expect(code).toBe(0)
      expect(bytes.equals(file.subarray(offset, offset + length)), `${offset}, ${length}`).toBe(true)
    }
  })

  test('a reader that goes away ends a command quietly', async () => {
    for (const args of [
      ['ls', '-R', '/home'],
      ['cat', '/home/tree/file'],
    ]) {
      const { child, finished } = pool.spawn(args)
      await once(child.stdout!, 'data')
      child.stdout!.destroy()
      expect(await finished, args.join(' ')).toMatchObject({ code: 0, stderr: '' })
    }
  })

  test('colours and progress are for terminals', async () => {
    const seen = await Promise.all([
      pool.run('put', pool.at('tree'), '/home/again'),
      pool.run('status'),
      pool.run('ls', '-l', '/home'),
      pool.run('--help'),
      pool.run('cat', '/home/absent'),
    ])
    for (const { stdout, stderr } of seen) expect(stdout + stderr).not.toContain('\u001b')
  })

  test.skipIf(!fs.existsSync('/usr/bin/script'))(
    'a terminal shows progress, without colour where that is unwanted',
    () => {
      const random = seededRandom()
      const show = (name: string, env: Record<string, string>) => {
        // New bytes, or there would be nothing to send and to show.
        fs.writeFileSync(pool.at(name), random.bytes(25_000_000))
        const put = `'${process.execPath}' '${launcher}' put '${pool.at(name)}' /home/`
        return spawnSync('script', ['-qec', put, '/dev/null'], {
          env: { ...process.env, TERM: 'xterm', ALLMEND_HOME: pool.home(), ...env },
          encoding: 'utf8',
          input: '',
        })
      }
      const colourful = show('colourful', { NO_COLOR: '' })
      expect(colourful.status).toBe(0)
      expect(colourful.stdout).toContain('\u001b[32m')
      expect(colourful.stdout).toMatch(/sent, .* decodable, .* at target/)
      const plain = show('plain', { NO_COLOR: '1' })
      expect(plain.stdout).not.toContain('\u001b[32m')
      expect(plain.stdout).not.toContain('\u001b[0m')
      expect(plain.stdout).toMatch(/at target/)
    },
  )

  test('a put that is interrupted says that it goes on, and does', async () => {
    const big = pool.at('big')
    fs.writeFileSync(big, seededRandom().bytes(BIG))
    const { command, reached } = startPut(pool, big, [])
    await reached(BIG / 10)
    command.child.kill('SIGINT')
    const stopped = await command.finished
    expect(stopped).toMatchObject({ code: 1, stdout: '' })
    expect(stopped.stderr).toMatch(/stopped\. .*the same command goes on/)
    expect((await pool.run('stat', '/home/big')).code).toBe(3)
    const rest = await pool.json<PutResult>('put', big, '/home/')
    // Two data shards of four: what arrived before isn't sent again.
    expect(rest.sentBytes).toBeLessThan(2 * BIG)
    expect((await pool.run('cat', '/home/big')).bytes.equals(fs.readFileSync(big))).toBe(true)
  })

  test('a file that is put over becomes a new version', async () => {
    fs.writeFileSync(pool.at('note'), 'first')
    await pool.json('put', pool.at('note'), '/home/')
    const before = await pool.json<{ version: number; node: string }>('stat', '/home/note')
    fs.writeFileSync(pool.at('note'), 'second')
    await pool.json('put', pool.at('note'), '/home/')
    const after = await pool.json<{ version: number; node: string }>('stat', '/home/note')
    expect([after.node, after.version]).toEqual([before.node, before.version + 1])
    expect((await pool.run('cat', '/home/note')).stdout).toBe('second')
    expect((await pool.run('rm', '/home/tree')).code).not.toBe(0)
    expect((await pool.run('rm', '-r', '/home/again')).code).toBe(0)
    expect((await pool.run('ls', '/home/again')).code).toBe(3)
  })

  test('bytes that were changed on every disk are never given out: exit 7', async () => {
    await pool.down()
    const files = fs.readdirSync(`${pool.dir}/providers`, { recursive: true, withFileTypes: true })
    for (const { parentPath, name } of files.filter((one) => one.parentPath.endsWith('/segments'))) {
      const at = path.join(parentPath, name)
      const bytes = fs.readFileSync(at)
      // Inside the records; headers and footers are left, so that the store finds them.
      for (let i = 200_000; i < bytes.length - 200_000; i += 5_000) bytes[i]! ^= 1
      fs.writeFileSync(at, bytes)
    }
    await pool.up()
    await pool.providersUp(PROVIDERS)
    const { code, stderr } = await pool.run('get', '/home/big', pool.at('never'))
    expect(code, stderr).toBe(7)
    expect(stderr).toMatch(/\/home\/big/)
    expect(fs.existsSync(pool.at('never'))).toBe(false)
    expect((await pool.status()).damaged.length).toBeGreaterThan(0)
    const checked = await pool.run('check', '--read-data')
    expect(checked.code).toBe(7)
    expect(checked.stdout).toContain("can't be read now: /home/big")
  })
})

test('a full pool is told and loses nothing; another provider is enough to go on', async () => {
  await using pool = await ProcessPool.start({ providers: 3, capacity: '15MB' })
  const bytes = Buffer.from(randomFrom(6).bytes(40_000_000))
  fs.writeFileSync(pool.at('small'), bytes.subarray(0, 5_000_000))
  fs.writeFileSync(pool.at('large'), bytes)
  expect((await pool.run('put', pool.at('small'), '/home/')).code).toBe(0)
  const full = await pool.run('put', pool.at('large'), '/home/', '--wait', '3')
  expect(full.code, full.stderr).toBe(6)
  expect(full.stderr).toMatch(/full/)
  expect((await pool.run('stat', '/home/large')).code).toBe(3)
  expect((await pool.run('cat', '/home/small')).bytes.equals(bytes.subarray(0, 5_000_000))).toBe(true)

  for (let i = 1; i <= 3; i++) {
    const { token } = await pool.json<{ token: string }>('provider', 'invite')
    const args = [
      'provider',
      'start',
      '--store',
      pool.at(`disk-${i}`),
      '--capacity',
      '1GB',
      '--name',
      `more-${i}`,
    ]
    pool.spawn([...args, '--listen', '127.0.0.1:0'], { env: { ALLMEND_JOIN: token } })
  }
  await pool.providersUp(6)
  await pool.json<PutResult>('put', pool.at('large'), '/home/')
  await pool.json<GetResult>('get', '/home/large', pool.at('back'))
  expect(fs.readFileSync(pool.at('back')).equals(bytes)).toBe(true)
})
