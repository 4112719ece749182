/** Checks the promises of `ChainEngine` on any engine. */
import { afterEach, describe, expect, test } from 'vitest'
import { toHex } from '../../../core/open/bytes.ts'
import { MalformedError } from '../../../core/open/errors.ts'
import { RpcRefusal } from '../json-rpc.ts'
import { SENDER, plainTransaction } from '../testing/transactions.fixture.ts'
import type { ChainEngine, StartEngine } from './chain-engine.ts'

const SETTINGS = { chainId: 5_151, genesisTime: 1_700_000_000 }

export function chainEngineConformance(name: string, start: StartEngine): void {
  describe(`${name} keeps the promises of a chain’s engine`, () => {
    const engines: ChainEngine[] = []
    const startOne: StartEngine = async (settings, dump) => {
      const engine = await start(settings, dump)
      engines.push(engine)
      return engine
    }
    afterEach(async () => {
      for (const engine of engines.splice(0)) await engine.close()
    })
    const block = (nonces: readonly number[]): Promise<string[]> =>
      Promise.all(nonces.map((nonce) => plainTransaction(SETTINGS.chainId, nonce)))

    test('begins at block 0, and other settings make another one', async () => {
      const heads = await Promise.all(
        [SETTINGS, SETTINGS, { ...SETTINGS, genesisTime: 5 }].map(async (settings) => {
          const engine = await startOne(settings)
          expect(Number(await engine.request('eth_chainId', []))).toBe(settings.chainId)
          return engine.head()
        }),
      )
      expect(heads.map(({ number }) => number)).toEqual([0, 0, 0])
      expect(toHex(heads[0]!.hash)).toBe(toHex(heads[1]!.hash))
      expect(toHex(heads[0]!.hash)).not.toBe(toHex(heads[2]!.hash))
    })

    test('the same blocks give the same hashes, with a dump in between or without', async () => {
      const blocks = [await block([0, 1]), [], await block([2]), await block([3, 4, 5]), []]
      const hashes: string[] = []
      let dump: Uint8Array | undefined
      const first = await startOne(SETTINGS)
      for (const [i, transactions] of blocks.entries()) {
        const made = await first.mine(SETTINGS.genesisTime + 10 * i, transactions)
        expect(made.number).toBe(i + 1)
        expect(made.transactions).toHaveLength(transactions.length)
        hashes.push(toHex(made.hash))
        if (i === 2) dump = await first.dump()
      }
      const again = await startOne(SETTINGS)
      for (const [i, transactions] of blocks.entries())
        expect(toHex((await again.mine(SETTINGS.genesisTime + 10 * i, transactions)).hash)).toBe(hashes[i])
      const loaded = await startOne(SETTINGS, dump)
      expect(await loaded.head()).toEqual({ number: 3, hash: expect.anything() })
      expect(toHex((await loaded.head()).hash)).toBe(hashes[2])
      for (const i of [3, 4])
        expect(toHex((await loaded.mine(SETTINGS.genesisTime + 10 * i, blocks[i]!)).hash)).toBe(hashes[i])
      const old = await loaded.request('eth_getBlockByNumber', ['0x2', false])
      expect(old).toMatchObject({ hash: `0x${hashes[1]}` })
    })

    test('executes in the given order at the given time, also several blocks in one second', async () => {
      const engine = await startOne(SETTINGS)
      const transactions = await block([0, 1, 2, 3])
      await engine.mine(SETTINGS.genesisTime, transactions.slice(0, 2))
      const made = await engine.mine(SETTINGS.genesisTime, transactions.slice(2))
      expect(made).toMatchObject({ number: 2 })
      expect(await engine.request('eth_getBlockByNumber', ['latest', false])).toMatchObject({
        timestamp: `0x${SETTINGS.genesisTime.toString(16)}`,
      })
    })

    test('what can’t be executed is left out, and nothing stays pending', async () => {
      const engine = await startOne(SETTINGS)
      const ahead = await plainTransaction(SETTINGS.chainId, 7)
      const made = await engine.mine(SETTINGS.genesisTime, ['0x1234', ahead, ...(await block([0]))])
      expect(made.transactions).toHaveLength(1)
      for (let nonce = 1; nonce < 7; nonce++) await engine.mine(SETTINGS.genesisTime, await block([nonce]))
      expect((await engine.mine(SETTINGS.genesisTime, [])).transactions).toEqual([])
      expect(await engine.request('eth_getTransactionCount', [SENDER, 'latest'])).toBe('0x7')
    })

    test('reads are answered, wrong ones refused', async () => {
      const engine = await startOne(SETTINGS)
      expect(await engine.request('eth_blockNumber', [])).toBe('0x0')
      await expect(engine.request('eth_getBlockByNumber', ['nonsense', false])).rejects.toThrow(RpcRefusal)
    })

    test('a dump that is none is refused', async () => {
      await expect(startOne(SETTINGS, new Uint8Array([1, 2, 3]))).rejects.toThrow(MalformedError)
    })

    test('tells when it is closed', async () => {
      const engine = await startOne(SETTINGS)
      await engine.close()
      await engine.ended
    })
  })
}
