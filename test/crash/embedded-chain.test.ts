/** Transactions that the embedded chain acknowledged survive kill -9 at random moments, in blocks of the same hashes. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { expect, it } from 'vitest'
import type { JsonRpc } from '../../src/adapters/evm/json-rpc.ts'
import { createJsonRpc, isObject } from '../../src/adapters/evm/json-rpc.ts'
import { SENDER, plainTransaction } from '../../src/adapters/evm/testing/transactions.fixture.ts'
import { AllmendError } from '../../src/core/open/errors.ts'

const ROUNDS = Number(process.env['ALLMEND_CRASH_ROUNDS'] ?? 20)
/** A round ends somewhere within its first acknowledgements. */
const MOST_ACKNOWLEDGED = 60

interface Started {
  readonly child: ChildProcess
  readonly exited: Promise<unknown>
  readonly chainId: number
  readonly rpc: JsonRpc
}

async function start(folder: string): Promise<Started> {
  const file = path.join(import.meta.dirname, 'embedded-chain.child.ts')
  const child = spawn(process.execPath, [file, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const [said] = await once(child.stdout, 'data')
  const { url, chainId }: { url: string; chainId: number } = JSON.parse(String(said))
  return { child, exited, chainId, rpc: createJsonRpc({ url, timeoutMs: 10_000 }) }
}

async function kill({ child, exited }: Started): Promise<void> {
  child.kill('SIGKILL')
  await exited
}

/** The hash of the block that a transaction is in. */
async function blockOf(rpc: JsonRpc, transaction: string): Promise<string> {
  const receipt = await rpc.request('eth_getTransactionReceipt', [transaction])
  if (!isObject(receipt)) throw new TypeError(`${transaction} is gone`)
  return String(receipt['blockHash'])
}

it(
  `${ROUNDS} kills: nothing acknowledged is lost, and every block keeps its hash`,
  { timeout: 1_800_000 },
  async () => {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-crash-chain-'))
    /** Transactions with the hashes of their blocks, in their order. */
    const acknowledged: (readonly [string, string])[] = []
    let running: Started | undefined

    async function startAndCheck(from: number): Promise<Started> {
      running = await start(folder)
      for (const [transaction, block] of acknowledged.slice(from))
        expect(await blockOf(running.rpc, transaction)).toBe(block)
      return running
    }

    try {
      // Those before were checked after an earlier kill, but for one: the hash of its block says the same of all before it.
      let checked = 0
      for (let round = 0; round < ROUNDS; round++) {
        const started = await startAndCheck(checked)
        const { rpc, chainId } = started
        checked = Math.max(0, acknowledged.length - 1)
        let nonce = Number(await rpc.request('eth_getTransactionCount', [SENDER, 'latest']))
        expect(nonce).toBeGreaterThanOrEqual(acknowledged.length)
        const until = acknowledged.length + 1 + Math.floor(Math.random() * MOST_ACKNOWLEDGED)
        const sendOn = async (): Promise<void> => {
          for (;;) {
            const raw = await plainTransaction(chainId, nonce++)
            const transaction = String(await rpc.request('eth_sendRawTransaction', [raw]))
            acknowledged.push([transaction, await blockOf(rpc, transaction)])
            // The next one is under way by then.
            if (acknowledged.length === until)
              setTimeout(() => started.child.kill('SIGKILL'), Math.random() * 8)
          }
        }
        await expect(sendOn()).rejects.toBeInstanceOf(AllmendError)
        await started.exited
      }
      expect(acknowledged.length).toBeGreaterThan(ROUNDS)
      await kill(await startAndCheck(0))
    } finally {
      if (running !== undefined) await kill(running)
      await fs.rm(folder, { recursive: true, force: true })
    }
  },
)
