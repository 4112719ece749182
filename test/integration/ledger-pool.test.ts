/** The ledger in pools of real processes whose chain goes away, or is another network. */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createJsonRpc, isObject } from '../../src/adapters/evm/json-rpc.ts'
import type { Verdict } from '../fixtures/processes/ledger-process.ts'
import {
  OFTEN,
  anchored,
  ledgerStatusOf,
  ledgerStatusWhen,
  putNamed,
} from '../fixtures/processes/ledger-process.ts'
import { ProcessPool, until } from '../fixtures/processes/process-pool.ts'

interface Shares {
  readonly source: string
  readonly providers: readonly {
    readonly state: string
    readonly reported: { readonly capacity: number; readonly used: number; readonly ago?: number }
    readonly ledger?: { readonly capacity: number; readonly used: number; readonly ago?: number }
    readonly weight: number
    readonly expected: number
  }[]
}

interface Placements {
  readonly chainAsked: boolean
  readonly placements: readonly {
    readonly state: string
    readonly skipped: { readonly down: number }
  }[]
}

describe('a pool and its embedded chain', () => {
  let pool: ProcessPool
  beforeAll(async () => {
    pool = await ProcessPool.start({ providers: 6, restart: 'never', chain: OFTEN })
  })
  afterAll(() => pool.close())

  it('places stripes by the ledger’s draw, whoever is down; members recompute it, and see each provider’s weight', async () => {
    await anchored(pool)
    const putSome = async (name: string) => {
      fs.writeFileSync(pool.at(name), randomBytes(3_000_000))
      expect(await pool.run('put', pool.at(name), '/home/')).toMatchObject({ code: 0 })
    }
    await putSome('one')
    const { source, providers } = await until(async () => {
      const found = await pool.json<Shares>('providers')
      return found.providers.every(({ reported }) => reported.used > 0) ? found : undefined
    })
    expect([source, providers.length]).toEqual(['chain', 6])
    expect(providers.every(({ weight }) => weight > 9_000)).toBe(true)
    for (const { reported, ledger } of providers) {
      // A megabyte of ten gigabytes is no step that the ledger takes.
      expect(reported).toEqual({ capacity: 10e9, used: reported.used, ago: expect.any(Number) })
      expect(ledger).toEqual({ capacity: expect.any(Number), used: 0, ago: expect.any(Number) })
      expect(reported.capacity - ledger!.capacity).toBeLessThan(1 << 20)
    }
    expect(providers.reduce((sum, { expected }) => sum + expected, 0)).toBeCloseTo(1)
    expect(await pool.json<Placements>('ledger', 'placements')).toMatchObject({
      chainAsked: true,
      placements: [{ state: 'drawn', replaced: 0, skipped: { down: 0 } }],
    })

    await pool.kill('3')
    await pool.statusUntil(({ providers: now }) => now.find(({ state }) => state === 'down'))
    expect((await pool.json<Shares>('providers')).providers.map(({ state }) => state)).toContain('down')
    await putSome('two')
    const { placements } = await pool.json<Placements>('ledger', 'placements')
    expect(placements.map(({ state }) => state)).toEqual(['drawn', 'drawn'])
    expect(placements.reduce((sum, { skipped }) => sum + skipped.down, 0)).toBe(1)
  })

  it('reads and writes without its chain, and anchors and draws what came in between when that is back', async () => {
    const { anchored: first, chain } = await anchored(pool)
    const { address } = pool.process('chain')
    await pool.kill('chain')
    await putNamed(pool, 'without')
    expect((await pool.run('cat', '/home/without')).stdout).toBe('without')
    const without = await pool.json<Placements>('ledger', 'placements')
    expect(without.chainAsked).toBe(false)
    expect(without.placements.map(({ state }) => state)).toEqual(['unchecked', 'unchecked', 'unchecked'])
    await ledgerStatusWhen(pool, ({ problem }) => problem !== undefined)
    expect(await pool.json<Verdict>('log', 'verify')).toMatchObject({ verified: true, chainAsked: false })

    // Its address is free once it is gone: the chain comes back there.
    const back = pool.spawn(['chain', 'start', '--dir', pool.at('pool', 'chain')])
    const again = await anchored(pool)
    expect(again.anchored!.size).toBeGreaterThan(first!.size)
    const drawn = await pool.json<Placements>('ledger', 'placements')
    expect(drawn.chainAsked).toBe(true)
    expect(drawn.placements.map(({ state }) => state)).toEqual(['drawn', 'drawn', 'drawn'])
    const rpc = createJsonRpc({ url: `http://${address}` })
    const block = await rpc.request('eth_getBlockByNumber', [`0x${chain!.block!.number.toString(16)}`, false])
    expect(isObject(block) && block['hash']).toBe(`0x${chain!.block!.hash}`)
    back.child.kill('SIGTERM')
    await back.finished
  })
})

describe('a pool and another network', () => {
  it('deploys there once, and goes on there without being told again', async () => {
    await using pool = await ProcessPool.start({ providers: 1 })
    const without = await ledgerStatusOf(pool)
    expect([without.chain, without.anchored]).toEqual([undefined, undefined])
    const running = pool.spawn(['--json', 'chain', 'start', '--dir', pool.at('network')])
    const line = await new Promise<string>((resolve) =>
      running.child.stdout!.once('data', (d) => resolve(String(d))),
    )
    const { url } = JSON.parse(line) as { url: string }
    const keyFile = pool.at('chain.key')
    fs.writeFileSync(keyFile, `${'42'.repeat(32)}\n`, { mode: 0o600 })
    await pool.down()
    pool.chain = [...OFTEN, `--chain-url=${url}`, `--chain-key-file=${keyFile}`]
    await pool.up()
    const there = await anchored(pool)
    expect(there.chain?.kind).toBe('consortium')
    expect(pool.processes().some(({ role }) => role === 'chain')).toBe(false)
    await pool.down()
    pool.chain = OFTEN
    await pool.up()
    await pool.run('mkdir', '/home/later')
    const later = await anchored(pool)
    expect(later.contracts).toEqual(there.contracts)
    expect(later.anchored!.size).toBeGreaterThan(there.anchored!.size)
    expect(await pool.json<Verdict>('log', 'verify')).toMatchObject({ verified: true, chainAsked: true })
  })
})
