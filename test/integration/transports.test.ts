/** A pool of real processes over each transport: what is put comes back after two providers were killed with -9. */
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PutResult } from '../../src/client/operations/put.ts'
import { differences, makeMixedTree, recordTree } from '../fixtures/mixed-tree.ts'
import { ProcessPool, until } from '../fixtures/processes/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'

/** The fewest that two can be lost of. */
const PROVIDERS = 4

interface Shown {
  readonly providers: readonly {
    readonly name: string
    readonly address: string
    readonly state: 'up' | 'down'
    readonly transport: string
    readonly relayed?: boolean
    readonly roundTripMs?: number
    readonly goodput?: number
  }[]
}
interface Peer {
  readonly role: string
  readonly address: string
  readonly transport?: string
  readonly nat: string
  readonly relays: boolean
}

/** One JSON document a line. */
function documents<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}

describe.each([
  { transport: 'udp', used: 'udp' },
  { transport: 'auto', used: 'tls' },
  { transport: 'tls', used: 'tls' },
] as const)('over $transport', ({ transport, used }) => {
  let pool: ProcessPool
  beforeAll(async () => {
    pool = await ProcessPool.start({ providers: PROVIDERS, restart: 'never', transport })
  })
  afterAll(() => pool.close())

  test('peers and doctor say how the pool is reached', async () => {
    const peers = documents<Peer>((await pool.run('peers', '--json')).stdout)
    expect(peers.map(({ role }) => role)).toEqual(['tracker', ...Array(PROVIDERS).fill('provider')])
    for (const peer of peers) {
      expect(peer.transport).toBe(used)
      expect(peer.address.includes('+')).toBe(transport === 'auto')
    }
    // The tracker is there for others to begin with, and relays.
    if (transport !== 'tls') expect(peers[0]).toMatchObject({ role: 'tracker', nat: 'open', relays: true })

    const { code, stdout } = await pool.run('doctor', '--json')
    expect(code, stdout).toBe(0)
    const findings = documents<{ check: string; result: string }>(stdout)
    expect(findings.filter(({ result }) => result !== 'ok')).toEqual([])
    const checks = {
      udp: ['udp', 'nat', 'tracker-udp', 'clock', 'relays', 'pool'],
      auto: ['tcp', 'tls', 'clock', 'udp', 'nat', 'tracker-udp', 'relays', 'pool'],
      tls: ['tcp', 'tls', 'clock', 'udp', 'pool'],
    }
    expect(findings.map(({ check }) => check)).toEqual(checks[transport])
  })

  test('what is put comes back without two of the providers, and status says how they are reached', async () => {
    makeMixedTree(pool.at('tree'), randomFrom(7), { large: 2, small: 20 })
    const { safety } = await pool.json<PutResult>('put', pool.at('tree'), '/home/')
    expect(safety).toEqual({ survives: 2, target: 2, missingShards: 0 })

    const { providers } = await pool.json<Shown>('status')
    expect(providers).toHaveLength(PROVIDERS)
    for (const provider of providers) {
      expect(provider).toMatchObject({ state: 'up', transport: used, relayed: false })
      expect(provider.roundTripMs).toBeGreaterThan(0)
      expect(provider.goodput).toBeGreaterThan(0)
    }

    await pool.kill('2', '3')
    expect((await pool.run('get', '/home/tree', pool.at('out'))).code).toBe(0)
    expect(differences(recordTree(pool.at('tree')), recordTree(pool.at('out')))).toEqual([])
  })
})

test('providers join by less than the tracker’s address', async () => {
  await using pool = await ProcessPool.start({ providers: 2, transport: 'auto' })
  const peers = documents<Peer>((await pool.run('peers', '--json')).stdout)
  const node = peers.at(-1)!.address
  const [place] = node.split('+')
  const joined: string[] = []
  for (const written of [
    // TLS leads to another node there, which is not believed to be the tracker.
    (key: string) => `${place}+${key}`,
    () => node,
    (key: string) => key,
  ]) {
    const { token } = await pool.json<{ token: string }>('provider', 'invite')
    const [, key, rest] = /\+([^@#]+)[^#]*(#.*)$/.exec(token) ?? []
    const joining = pool.spawn([
      'provider',
      'start',
      `--store=${pool.at(`by hand ${joined.length}`)}`,
      `--join=${written(key!)}${rest}`,
      `--bootstrap=${place}`,
      '--capacity=1GB',
      '--listen=127.0.0.1:0',
      '--json',
    ])
    const ready = once(joining.child.stdout!, 'data').then(
      ([line]) => JSON.parse(String(line)) as { address: string },
    )
    const { address } = await Promise.race([
      ready,
      joining.finished.then(({ stderr }) => Promise.reject(new Error(stderr))),
    ])
    joined.push(address)
  }
  const { providers } = await until(async () => {
    const shown = await pool.json<Shown>('status')
    return shown.providers.filter(({ state }) => state === 'up').length === 5 ? shown : undefined
  })
  expect(providers.map(({ address }) => address)).toEqual(expect.arrayContaining(joined))
})
