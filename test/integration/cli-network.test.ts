/** What scripts and people rely on in the commands that look at the network: exit codes, JSON, texts; every command a process of its own. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freeUdpPort } from '../../src/adapters/udp/free-udp-port.ts'
import type { Command, Finished } from '../fixtures/processes/process-pool.ts'
import { ProcessPool } from '../fixtures/processes/process-pool.ts'
import { HomePool } from '../network/home-pool.ts'
import { describeInLab } from '../network/describe-in-lab.ts'
import { Lab } from '../network/lab.ts'

/** Of a token's bytes: behind its kind, the tracker's id and the secret. */
const POOL_AT = 1 + 32 + 32

interface Finding {
  readonly check: string
  readonly result: string
  readonly found: string
  readonly advice?: string
}

/** One JSON document a line. */
function documents<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}

/** What a role says when it is ready. */
async function ready({ child, finished }: Command): Promise<Record<string, string>> {
  const failed = finished.then(({ stderr }) => Promise.reject(new Error(stderr)))
  const [line] = (await Promise.race([once(child.stdout!, 'data'), failed])) as [Buffer]
  return JSON.parse(String(line)) as Record<string, string>
}

/** The token with a bit of its pool's id turned. */
function ofAnotherPool(token: string): string {
  const [address = '', rest = ''] = token.split('#')
  const bytes = Buffer.from(rest, 'base64url')
  bytes[POOL_AT]! ^= 1
  return `${address}#${bytes.toString('base64url')}`
}

describe('the commands of the network on a pool', () => {
  let pool: ProcessPool
  beforeAll(async () => {
    pool = await ProcessPool.start({ providers: 2, restart: 'never' })
  })
  afterAll(() => pool.close())

  test('peers and status show each node, with a way, a round trip and no problem', async () => {
    const peers = documents(await pool.run('peers', '--json').then(({ stdout }) => stdout))
    const reached = {
      up: true,
      transport: 'tls',
      relayed: false,
      roundTripMs: expect.any(Number),
      nat: 'open',
    }
    const node = {
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      at: expect.any(String),
      relays: expect.any(Boolean),
    }
    // UDP has another port than TCP where somebody else had that one.
    const address = expect.stringMatching(/^127\.0\.0\.1:\d+\+[\w-]{43}(@127\.0\.0\.1:\d+)?$/)
    expect(peers).toEqual([
      { role: 'tracker', name: 'tracker', ...node, ...reached, address },
      { role: 'provider', name: '1', ...node, ...reached, address },
      { role: 'provider', name: '2', ...node, ...reached, address },
    ])
    const { providers } = await pool.status()
    expect(providers).toMatchObject([1, 2].map(() => ({ transport: 'tls', roundTripMs: expect.any(Number) })))

    const { code, stdout, stderr } = await pool.run('peers')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(/^node +reached +round trip +router +relays +id +address$/)
    expect(lines[1]).toMatch(/^tracker +directly, TLS +[\d.]+ ms +none +yes +[0-9a-f]{12} +127/)
    expect(lines.slice(-2)).toEqual(['3 of 3 nodes reached from here.', ''])
    // What a command line names counts more than what the home says.
    const overUdp = documents<{ transport: string }>(
      (await pool.run('--transport=udp', 'peers', '--json')).stdout,
    )
    expect(overUdp.map(({ transport }) => transport)).toEqual(['udp', 'udp', 'udp'])
  })

  test('a token is good once', async () => {
    const { token } = await pool.json<{ token: string }>('provider', 'invite')
    const start = (name: string): Command => {
      const args = ['provider', 'start', `--store=${pool.at(name)}`, '--capacity=1GB', '--listen=127.0.0.1:0']
      return pool.spawn([...args, '--transport=tls', '--json'], { env: { ALLMEND_JOIN: token } })
    }
    await ready(start('first'))
    expect(await start('second').finished).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(
        /was used by another provider: `allmend provider invite` makes another one/,
      ),
    })
  })

  test('bootstrap and relay nodes start, say where they are, and stop; their port and their folder are theirs', async () => {
    const listen = `--listen=127.0.0.1:${await freeUdpPort()}`
    const [bootstrapDir, relayDir] = [pool.at('bootstrap'), pool.at('relay')]
    const bootstrap = pool.spawn(['bootstrap', 'start', `--dir=${bootstrapDir}`, listen, '--json'])
    const place = expect.stringMatching(/^127\.0\.0\.1:\d+$/)
    const address = expect.stringMatching(/^[\w-]{43}@127\.0\.0\.1:\d+$/)
    const said = await ready(bootstrap)
    expect(said).toEqual({ role: 'bootstrap', pid: bootstrap.child.pid, place, address })
    const [taken, held] = await Promise.all([
      pool.run('bootstrap', 'start', `--dir=${pool.at('other')}`, listen),
      pool.run('bootstrap', 'start', `--dir=${bootstrapDir}`, `--listen=127.0.0.1:${await freeUdpPort()}`),
    ])
    expect(taken).toMatchObject({ code: 1, stderr: expect.stringMatching(/another program has this port/) })
    expect(held).toMatchObject({ code: 5, stderr: expect.stringMatching(/in use by another process/) })

    const relay = pool.spawn([
      'relay',
      'start',
      `--dir=${relayDir}`,
      `--listen=127.0.0.1:${await freeUdpPort()}`,
      `--bootstrap=${said['place']}`,
      `--tracker=${pool.process('tracker').address}`,
      '--json',
    ])
    expect(await ready(relay)).toEqual({ role: 'relay', pid: relay.child.pid, place, address })
    const ends = [bootstrap, relay].map(async ({ child, finished }): Promise<Finished> => {
      child.kill('SIGTERM')
      return finished
    })
    for (const { code } of await Promise.all(ends)) expect(code).toBe(0)
  })

  test('wrong arguments are exit code 2, no home is 3, and nothing is printed on standard output', async () => {
    const ends = async (code: number, message: RegExp, ...args: string[]): Promise<void> => {
      const found = await pool.run(...args)
      expect({ code: found.code, stdout: found.stdout }, args.join(' ')).toEqual({ code, stdout: '' })
      expect(found.stderr, args.join(' ')).toMatch(message)
    }
    const nowhere = ['--home', pool.at('nowhere')]
    const dir = `--dir=${pool.at('node')}`
    const { token } = await pool.json<{ token: string }>('provider', 'invite')
    const lend = (store: string): string[] => [
      'provider',
      'start',
      `--store=${pool.at(store)}`,
      '--capacity=1GB',
      '--listen=127.0.0.1:0',
      // Who leaves the DHT again is waited for by who starts next.
      '--transport=tls',
    ]
    await Promise.all([
      ends(3, /no home .*allmend init --join/, 'peers', ...nowhere),
      ends(3, /no home .*allmend init --join/, 'doctor', ...nowhere),
      ends(2, /too many arguments/, 'peers', 'all'),
      ends(2, /unknown option/, 'doctor', '--deep'),
      ends(2, /one of auto, udp, tls/, '--transport=quic', 'peers'),
    ])
    await Promise.all([
      ends(2, /--listen <host:port>/, 'bootstrap', 'start', dir),
      ends(
        2,
        /host:port, such as 0\.0\.0\.0:7400, and not "7400"/,
        'bootstrap',
        'start',
        dir,
        '--listen=7400',
      ),
      ends(2, /has a port of its own/, 'bootstrap', 'start', dir, '--listen=127.0.0.1:0'),
      ends(1, /this machine has no such address/, 'bootstrap', 'start', dir, '--listen=203.0.113.9:7400'),
      ends(1, /this name is not known/, 'bootstrap', 'start', dir, '--listen=nobody.invalid:7400'),
      ends(2, /--tracker <address>/, 'relay', 'start', dir, '--listen=127.0.0.1:7400'),
    ])
    await Promise.all([
      ends(2, /the # is missing/, ...lend('a'), `--join=${token.split('#', 1)[0]!}`),
      ends(2, /cut short/, ...lend('b'), `--join=${token.slice(0, -20)}`),
      ends(
        2,
        /member needs one of `allmend member invite`/,
        'init',
        `--join=${token}`,
        '--unattended',
        ...nowhere,
        '--phrase-file=/dev/null',
        '--name=carol',
      ),
    ])
    await ends(7, /doesn't fit who answers at/, ...lend('c'), `--join=${ofAnotherPool(token)}`)
    await ends(5, /in use by another process/, 'provider', 'start', `--store=${pool.dir}/providers/1`)
  })

  test('the doctor finds nothing, then that the tracker is off: exit code 1, in each form', async () => {
    const well = await pool.run('doctor')
    expect(well).toMatchObject({ code: 0, stderr: '' })
    expect(well.stdout.split('\n').at(-2)).toBe('ok       this pool can be used from here')
    await pool.kill('tracker')
    const [text, json, status] = await Promise.all([
      pool.run('doctor'),
      pool.run('doctor', '--json'),
      pool.run('peers', '--json', '--tracker-wait=0'),
    ])
    expect(text).toMatchObject({ code: 1, stderr: '' })
    expect(text.stdout).toMatch(/PROBLEM {2}this pool can’t be used from here now.*\n {9}Nothing is lost/)
    const findings = documents<Finding>(json.stdout)
    expect(json).toMatchObject({ code: 1, stderr: '' })
    // Providers that this home has heard of may answer for UDP meanwhile.
    for (const { result, found, advice } of findings) {
      expect(found).not.toBe('')
      if (result !== 'ok') expect(advice).toEqual(expect.any(String))
    }
    expect(findings[0]).toMatchObject({ check: 'tcp', result: 'warning' })
    expect(findings.at(-1)).toMatchObject({ check: 'pool', result: 'problem' })
    expect(status).toMatchObject({ code: 1, stdout: '' })
    expect(documents(status.stderr)).toMatchObject([{ error: { code: 'unreachable' } }])
    expect(status.stderr).toContain('allmend doctor')
  })
})

describeInLab('behind routers', () => {
  let lab: Lab
  let pool: HomePool
  beforeAll(async () => {
    lab = new Lab()
    lab.home('alice', 'cone')
    lab.home('office', 'cone')
    lab.home('train', 'symmetric')
    for (const home of ['alice', 'office', 'train']) watchForeign(lab, home)
    pool = await HomePool.start(lab)
    await pool.join('alice', pool.ready['foundingToken']!)
    await pool.provider('alice', 'attic', 'alice')
    // It leaves what it has learnt of the network for the doctor, who examines copies of the home in other places.
    await pool.json('alice', 'peers')
    for (const place of ['office', 'train'])
      fs.cpSync(pool.at('homes', 'alice'), pool.at('homes', place), { recursive: true })
  })
  afterAll(() => pool.close())

  const examine = async (place: string): Promise<{ code: number | null; findings: Finding[] }> => {
    const { code, stdout, stderr } = await pool.spawn(place, 'doctor', '--json').finished
    expect(stderr).toBe('')
    return { code, findings: documents<Finding>(stdout) }
  }

  test('the doctor tells what router is in between, and that one relay may be too few', async () => {
    const [cone, symmetric] = await Promise.all(['alice', 'train'].map(examine))
    expect(cone!.code).toBe(0)
    expect(cone!.findings.filter(({ result }) => result !== 'ok')).toEqual([])
    expect(cone!.findings.find(({ check }) => check === 'nat')!.found).toMatch(/router that keeps ports/)
    expect(symmetric!.code).toBe(0)
    expect(symmetric!.findings.find(({ check }) => check === 'nat')!.found).toMatch(
      /router that changes ports/,
    )
    expect(symmetric!.findings.filter(({ result }) => result !== 'ok').map(({ check }) => check)).toEqual([
      'relays',
    ])
  })

  test('the doctor tells which of the ways is blocked', async () => {
    lab.block('office', 'udp')
    const noUdp = await examine('office')
    expect(noUdp.code).toBe(0)
    expect(noUdp.findings.filter(({ result }) => result !== 'ok')).toMatchObject([
      { check: 'udp', result: 'warning', found: expect.stringMatching(/UDP is blocked/) },
    ])
    lab.block('office', 'tcp')
    const noTcp = await examine('office')
    expect(noTcp.code).toBe(0)
    expect(noTcp.findings.filter(({ result }) => result !== 'ok')).toMatchObject([
      { check: 'tcp', result: 'warning', found: expect.stringMatching(/nothing comes back/) },
    ])
    expect(noTcp.findings.at(-1)).toMatchObject({ check: 'pool', result: 'ok' })
  })

  test('nobody of the pool sends anything to anybody else: no public node is ever asked', () => {
    for (const home of ['alice', 'office', 'train']) expect(foreignAddresses(lab, home), home).toEqual([])
    // It would have been seen.
    const [command = '', ...on] = lab.on('alice')
    const away = `const s = require('dgram').createSocket('udp4'); s.send('x', 49737, '88.99.3.86', () => s.close())`
    execFileSync(command, [...on, process.execPath, '-e', away])
    expect(foreignAddresses(lab, 'alice')).toEqual(['88.99.3.86'])
  })
})

/** Has a home's router note, and drop, what its host sends to addresses that aren't the lab's; what is for the LAN's routers and mDNS stays there. */
function watchForeign(lab: Lab, home: string): void {
  const [command = '', ...on] = lab.on(`${home}-r`)
  const rules = `table ip watch {
    set foreign { type ipv4_addr; flags dynamic; size 1024; }
    chain before { type filter hook prerouting priority -300;
      iifname "lan0" ip daddr != { 44.128.7.0/24, 192.168.1.0/24, 224.0.0.0/24 } add @foreign { ip daddr } drop; }
  }`
  execFileSync(command, [...on, 'nft', '-f', '-'], { input: rules })
}

function foreignAddresses(lab: Lab, home: string): string[] {
  const [command = '', ...on] = lab.on(`${home}-r`)
  const list = ['nft', '-j', 'list', 'set', 'ip', 'watch', 'foreign']
  const { nftables } = JSON.parse(execFileSync(command, [...on, ...list], { encoding: 'utf8' })) as {
    nftables: { set?: { elem?: string[] } }[]
  }
  return nftables.flatMap(({ set }) => set?.elem ?? [])
}
