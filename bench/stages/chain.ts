/**
 * The embedded chain: blocks a second, and how long until it is ready again with many blocks, after a stop and after a kill.
 * `node bench/stages/chain.ts [blocks]`
 */
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { openEmbeddedChain } from '../../src/adapters/evm/chain/embedded-chain.ts'
import type { EmbeddedChain } from '../../src/adapters/evm/chain/embedded-chain.ts'
import { plainTransaction } from '../../src/adapters/evm/testing/transactions.fixture.ts'
import { nodeClock } from '../../src/adapters/native/node-clock.ts'

const CHAIN = 12
const BATCH = 200
const BLOCKS = 10_000
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

export interface ChainRow {
  readonly name: string
  readonly value: number
  readonly unit: 'ms' | 'tx/s' | 'MB'
}

function open(folder: string): Promise<EmbeddedChain> {
  return openEmbeddedChain({ folder, chainId: CHAIN, clock: nodeClock, logger: quiet })
}

async function milliseconds(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}

/** Measures in a folder of its own below the system's temporary one. */
export async function benchChain(blocks = BLOCKS): Promise<ChainRow[]> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-bench-chain-'))
  let chain = await open(folder)
  try {
    let nonce = 0
    const send = async (): Promise<void> => {
      await chain.request('eth_sendRawTransaction', [await plainTransaction(CHAIN, nonce++, { bytes: 100 })])
    }
    const alone = await milliseconds(async () => {
      for (let i = 0; i < blocks; i++) await send()
    })
    const raws = await Promise.all(
      Array.from({ length: 2_000 }, (_, i) => plainTransaction(CHAIN, nonce + i, { bytes: 100 })),
    )
    const together = await milliseconds(async () => {
      for (let at = 0; at < raws.length; at += BATCH)
        await Promise.all(
          raws.slice(at, at + BATCH).map((raw) => chain.request('eth_sendRawTransaction', [raw])),
        )
    })
    // As a kill leaves it: the snapshot of a while ago, and the blocks since.
    const killed = `${folder}-killed`
    await fs.cp(folder, killed, { recursive: true })
    await chain.close()
    const ready: number[] = []
    for (let i = 0; i < 3; i++) {
      ready.push(
        await milliseconds(async () => {
          chain = await open(folder)
          await chain.request('eth_blockNumber', [])
        }),
      )
      await chain.close()
    }
    const afterKill = await milliseconds(async () => {
      chain = await open(killed)
      await chain.request('eth_blockNumber', [])
    })
    await chain.close()
    await fs.rm(killed, { recursive: true })
    const journal = (await fs.stat(path.join(folder, 'blocks'))).size
    return [
      { name: 'a block for each transaction', value: (blocks * 1_000) / alone, unit: 'tx/s' },
      { name: `${BATCH} transactions at once`, value: (raws.length * 1_000) / together, unit: 'tx/s' },
      { name: `ready with ${blocks} blocks, after a stop`, value: Math.min(...ready), unit: 'ms' },
      { name: `ready with ${blocks} blocks, after a kill`, value: afterKill, unit: 'ms' },
      { name: 'journal', value: journal / 1e6, unit: 'MB' },
    ]
  } finally {
    await chain.close()
    await fs.rm(folder, { recursive: true })
  }
}

if (import.meta.main) {
  for (const { name, value, unit } of await benchChain(Number(process.argv[2] ?? BLOCKS)))
    console.log(`${name.padEnd(44)} ${value.toFixed(unit === 'MB' ? 1 : 0).padStart(8)} ${unit}`)
}
