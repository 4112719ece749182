/**
 * vectors/placement.json: placements drawn by the contract itself, their seeds and records by the reference constructions.
 * `node scripts/make-vectors/placement.ts`
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startAnvilEngine } from '../../src/adapters/evm/chain/anvil-engine.ts'
import { contractDraw } from '../../src/adapters/evm/testing/contract-draw.fixture.ts'
import { drawCase, treeOfCase } from '../../src/adapters/evm/testing/draw-cases.fixture.ts'
import type { Cbor } from './reference.ts'
import { H, bytes, cbor, hex, map } from './reference.ts'

const CASES = 24
const FIRST = 700_000
/** k and n, and the shards of a stripe that a failure domain may hold: max(1, min(k - 1, n - k)). */
const SCHEMES = [
  [1, 3, 1],
  [2, 4, 1],
  [4, 6, 2],
  [6, 9, 3],
  [10, 14, 4],
] as const

const uint32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
const provider = (slot: number): Uint8Array => bytes(`placement provider ${slot}`)
const domain = (index: number): Uint8Array => bytes(`placement domain ${index}`)

const engine = await startAnvilEngine({ chainId: 7, genesisTime: 1_700_000_000 })
try {
  const cases: unknown[] = []
  for (let number = FIRST; cases.length < CASES; number++) {
    const made = drawCase(number)
    const [k, n, maxPerDomain] = SCHEMES[number % SCHEMES.length]!
    // Every third is a replacement: one shard beside others.
    const isReplacement = number % 3 === 0
    const attempt = isReplacement ? 1 + (number % 5) : 0
    const stripe = bytes(`placement stripe ${number}`)
    const indices = isReplacement ? [number % n] : Array.from({ length: n }, (_, index) => index)
    const held = isReplacement ? made.request.held.slice(0, n - 1) : []
    const seed = H('placement', stripe, uint32(attempt))
    const { skipped } = made.request
    const result = await contractDraw(engine, treeOfCase(made), {
      seed,
      count: indices.length,
      maxPerDomain,
      skipped,
      held,
    })
    const block: readonly [number, Uint8Array] = [number, bytes(`placement block ${number}`)]
    const reasons = skipped.map((slot) => [provider(slot), slot % 3] as const)
    const domains = held.map(domain)
    const draw: Cbor | undefined =
      result &&
      map(
        [0, attempt],
        [1, indices],
        [2, number % 4 === 0 ? undefined : block],
        [3, result.perDomain],
        [4, reasons],
        [5, domains],
        [6, result.slots.map(provider)],
      )
    cases.push({
      stripe: hex(stripe),
      k,
      n,
      domains: Array.from({ length: made.domains }, (_, index) => hex(domain(index))),
      providers: made.weights.map(([slot, weight]) => [hex(provider(slot)), slot, weight]),
      attempt,
      indices,
      skipped: reasons.map(([id, why]) => [hex(id), why]),
      held: domains.map(hex),
      seed: hex(seed),
      chosen: result === undefined ? null : result.slots.map((slot) => hex(provider(slot))),
      record: draw === undefined ? null : hex(cbor(draw)),
    })
  }
  const about =
    'docs/spec/placement.md. providers: [id, slot, weight]; skipped: [id, why]; chosen null: not enough providers.'
  const lines = cases.map((one) => `    ${JSON.stringify(one)}`).join(',\n')
  await writeFile(
    join(import.meta.dirname, '..', '..', 'vectors', 'placement.json'),
    `{\n  "about": ${JSON.stringify(about)},\n  "cases": [\n${lines}\n  ]\n}\n`,
  )
} finally {
  await engine.close()
}
