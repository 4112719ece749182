/** What each call of the contracts costs on a chain, and a million files. `node bench/stages/gas.ts` */
import { encodeFunctionData } from 'viem'
import { startAnvilEngine } from '../../src/adapters/evm/chain/anvil-engine.ts'
import type { ChainEngine } from '../../src/adapters/evm/chain/chain-engine.ts'
import type { EvmLedger } from '../../src/adapters/evm/evm-ledger.ts'
import { deployLedger, openEvmLedger } from '../../src/adapters/evm/evm-ledger.ts'
import { abi } from '../../src/adapters/evm/generated/balancer.ts'
import type { JsonRpc } from '../../src/adapters/evm/json-rpc.ts'
import { isObject } from '../../src/adapters/evm/json-rpc.ts'
import { hexOf } from '../../src/adapters/evm/typed-data.ts'
import { nodeClock } from '../../src/adapters/native/node-clock.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import type { Receipt } from '../../src/ports/ledger-chain.ts'

/** A write per file, measured before: 70,000 to 93,000 gas each. */
const GAS_PER_FILE = 93_000
const MILLION = 1_000_000
/** Entries a head covers, the default of anchoring. */
const EVERY = 1_000
const KEY = new Uint8Array(32).fill(1)
const PROVIDERS = 12

export interface GasRow {
  readonly name: string
  readonly gas: number
}

function id(text: string, i: number): Uint8Array {
  return nodePrimitives.sha256(new TextEncoder().encode(`${text} ${i}`))
}

/** Anvil that makes a block of each transaction. */
function autoMining(engine: ChainEngine): JsonRpc {
  let time = 1_700_000_000
  return {
    async request(method, params) {
      if (method === 'eth_maxPriorityFeePerGas') return '0x0'
      if (method !== 'eth_sendRawTransaction') return engine.request(method, params)
      const block = await engine.mine(++time, [String(params[0])])
      return block.transactions[0] ?? null
    },
  }
}

export async function benchGas(): Promise<GasRow[]> {
  const engine = await startAnvilEngine({ chainId: 11, genesisTime: 1_700_000_000 })
  try {
    const rpc = autoMining(engine)
    const network = {
      url: '',
      rpc,
      kind: 'consortium' as const,
      clock: nodeClock,
      primitives: nodePrimitives,
    }
    const directory = await deployLedger({ ...network, key: KEY, pool: id('pool', 0) })
    const deployment = Number(
      ((block) => (isObject(block) ? block['gasUsed'] : 0))(
        await engine.request('eth_getBlockByNumber', ['0x1', false]),
      ),
    )
    const ledger = await openEvmLedger({ ...network, directory, key: KEY })
    const rows: GasRow[] = [{ name: 'deploy all contracts', gas: deployment }]
    const add = async (name: string, write: Promise<Receipt>): Promise<void> => {
      rows.push({ name, gas: (await write).gas })
    }
    await addCalls(ledger, add)
    const draw = { maxPerDomain: 1, skipped: [], held: [], seed: id('seed', 1) }
    for (const count of [1, 6, 9]) {
      const args = [hexOf(draw.seed), BigInt(count), 1n, [], []] as const
      const data = encodeFunctionData({ abi, functionName: 'pick', args })
      const gas = await rpc.request('eth_estimateGas', [
        { to: ledger.contracts.balancer.address, data },
        'latest',
      ])
      rows.push({ name: `pick ${count} of ${PROVIDERS} (a view: free)`, gas: Number(gas) - 21_000 })
    }
    return rows
  } finally {
    await engine.close()
  }
}

async function addCalls(
  ledger: EvmLedger,
  add: (name: string, write: Promise<Receipt>) => Promise<void>,
): Promise<void> {
  const { nameSigner, reportSigner } = ledger
  for (const i of [1, 2])
    await add(
      `register a name${i === 1 ? ' (first)' : ''}`,
      ledger.registerName(
        await nameSigner.signClaim(id('key', i), { name: `member-${i}`, member: id('member', i) }),
      ),
    )
  await add(
    'rotate an owner',
    ledger.rotateOwner(await nameSigner.signRotation(id('key', 1), id('key', 3), 'member-1', 0)),
  )
  for (let i = 0; i < PROVIDERS; i++) {
    const admission = {
      id: id('provider', i),
      endpointKey: id('net', i),
      operator: id('operator', i),
      domain: id('operator', i),
      reporter: reportSigner.addressOf(id('reporter', i)),
    }
    if (i < 1 || i === 8)
      await add(`admit a provider${i === 8 ? ' (the tree grows)' : ''}`, ledger.admitProvider(admission))
    else await ledger.admitProvider(admission)
  }
  const report = async (i: number, used: number, seq: number) => {
    const body = { id: id('provider', i), capacity: 100_000, used, seq }
    return { ...body, signature: await reportSigner.signReport(id('reporter', i), body) }
  }
  const reports = (used: number, seq: number) =>
    Promise.all(Array.from({ length: PROVIDERS }, (_, i) => report(i, used + 10 * i, seq)))
  await add(`first capacity reports of ${PROVIDERS}`, ledger.reportCapacity(await reports(1_000, 1)))
  await add('a capacity report', ledger.reportCapacity([await report(3, 4_000, 2)]))
  await add(`capacity reports of ${PROVIDERS} at once`, ledger.reportCapacity(await reports(9_000, 3)))
  await add('an assessment', ledger.assessProviders([{ id: id('provider', 3), proven: 9_000, score: 5_000 }]))
  for (const i of [1, 2, 3])
    await add(`anchor a head${i === 1 ? ' (first)' : ''}`, ledger.anchor(i * EVERY, id('root', i)))
  await add('raise an epoch (first)', ledger.raiseEpochs([{ space: id('space', 1), epoch: 1 }]))
  await add('raise an epoch', ledger.raiseEpochs([{ space: id('space', 1), epoch: 2 }]))
  await add('retire a provider', ledger.retireProvider(id('provider', 5)))
}

/** Ggas of a million operations. */
export function perMillion(rows: readonly GasRow[]): { readonly anchored: number; readonly written: number } {
  const anchor = rows.findLast(({ name }) => name === 'anchor a head')?.gas ?? Number.NaN
  return { anchored: (anchor * (MILLION / EVERY)) / 1e9, written: (GAS_PER_FILE * MILLION) / 1e9 }
}

if (import.meta.main) {
  const rows = await benchGas()
  for (const { name, gas } of rows)
    console.log(`${name.padEnd(42)} ${gas.toLocaleString('en').padStart(12)} gas`)
  const { anchored, written } = perMillion(rows)
  console.log(`\na million operations, a head for each ${EVERY}: ${anchored.toFixed(3)} Ggas (target < 0.1)`)
  console.log(
    `a million files, a write for each: ${written.toFixed(0)} Ggas, ${Math.round(written / anchored)} times more`,
  )
}
