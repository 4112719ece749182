/** Transactions that the embedded chain acknowledged survive kill -9 at random moments, in blocks of the same hashes. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { expect, it } from 'vitest'
import { createJsonRpc, isObject } from '../../src/adapters/evm/json-rpc.ts'
import { plainTransaction } from '../../src/adapters/evm/testing/transactions.fixture.ts'
import { AllmendError } from '../../src/core/open/errors.ts'

const ROUNDS = Number(process.env['ALLMEND_CRASH_ROUNDS'] ?? 20)
/** A round ends somewhere within its first acknowledgements. */
const MOST_ACKNOWLEDGED = 60

interface Started {
  readonly child: ChildProcess
  readonly url: string
  readonly chainId: number
}

async function start(folder: string): Promise<Started> {
  const file = path.join(import.meta.dirname, 'embedded-chain.child.ts')
  const child = spawn(process.execPath, [file, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = await once(child.stdout, 'data')
  const { url, chainId }: { url: string; chainId: number } = JSON.parse(String(said))
  return { child, url, chainId }
}

it(
  `${ROUNDS} kills: nothing acknowledged is lost, and every block keeps its hash`,
  { timeout: 1_800_000 },
  async () => {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-crash-chain-'))
    /** Transaction to the hash of its block. */
    const acknowledged = new Map<string, string>()
    let nonce = 0
    let child: ChildProcess | undefined
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const started = await start(folder)
        const { url, chainId } = started
        child = started.child
        const rpc = createJsonRpc({ url, timeoutMs: 10_000 })
        const receiptOf = async (hash: string): Promise<Record<string, unknown>> => {
          const receipt = await rpc.request('eth_getTransactionReceipt', [hash])
          if (!isObject(receipt)) throw new TypeError(`round ${round}: ${hash} is gone`)
          return receipt
        }
        for (const [hash, block] of acknowledged) expect((await receiptOf(hash))['blockHash']).toBe(block)
        const sent = await rpc.request('eth_getTransactionCount', [
          '0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a',
          'latest',
        ])
        expect(Number(sent)).toBeGreaterThanOrEqual(acknowledged.size)
        nonce = Number(sent)
        const until = 1 + Math.floor(Math.random() * MOST_ACKNOWLEDGED)
        const exited = once(child, 'exit')
        let count = 0
        const one = async (): Promise<void> => {
          for (;;) {
            const raw = await plainTransaction(chainId, nonce++)
            const hash = String(await rpc.request('eth_sendRawTransaction', [raw]))
            acknowledged.set(hash, String((await receiptOf(hash))['blockHash']))
            count++
            // The next one is under way by then.
            if (count === until) setTimeout(() => started.child.kill('SIGKILL'), Math.random() * 8)
          }
        }
        await expect(one()).rejects.toBeInstanceOf(AllmendError)
        await exited
      }
      expect(acknowledged.size).toBeGreaterThan(ROUNDS)
    } finally {
      await fs.rm(folder, { recursive: true, force: true })
    }
  },
)
