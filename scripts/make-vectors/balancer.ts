/** vectors/balancer.json: draws of the contract itself, executed by an EVM. `node scripts/make-vectors/balancer.ts` */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startAnvilEngine } from '../../src/adapters/evm/chain/anvil-engine.ts'
import { contractDraw } from '../../src/adapters/evm/testing/contract-draw.fixture.ts'
import { drawCase, treeOfCase } from '../../src/adapters/evm/testing/draw-cases.fixture.ts'
import { toHex } from '../../src/core/open/bytes.ts'

const CASES = 200
const FIRST = 500_000

const engine = await startAnvilEngine({ chainId: 7, genesisTime: 1_700_000_000 })
try {
  const cases: unknown[] = []
  for (let seed = FIRST; cases.length < CASES; seed++) {
    const one = drawCase(seed)
    const { domains, weights, request } = one
    const result = await contractDraw(engine, treeOfCase(one), request)
    cases.push({ domains, weights, ...request, seed: toHex(request.seed), result: result ?? null })
  }
  const about = 'docs/spec/contracts.md, Draw. weights: [slot, weight]. result null: not enough providers.'
  const lines = cases.map((one) => `    ${JSON.stringify(one)}`).join(',\n')
  await writeFile(
    join(import.meta.dirname, '..', '..', 'vectors', 'balancer.json'),
    `{\n  "about": ${JSON.stringify(about)},\n  "cases": [\n${lines}\n  ]\n}\n`,
  )
} finally {
  await engine.close()
}
