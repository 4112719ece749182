import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UntrustedError } from '../../core/open/errors.ts'
import { ledgerConformance } from '../../ports/ledger.conformance.ts'
import { nodeClock } from '../native/node-clock.ts'
import { nodePrimitives } from '../native/node-primitives.ts'
import { silent } from './testing/silent-logger.fixture.ts'
import { openEmbeddedChain } from './chain/embedded-chain.ts'
import { deployLedger, openEvmLedger } from './evm-ledger.ts'
import type { JsonRpc } from './json-rpc.ts'

const KEY = new Uint8Array(32).fill(1)
const STRANGER = new Uint8Array(32).fill(2)
const MIB = 1024 * 1024

async function newPool() {
  const folder = await mkdtemp(join(tmpdir(), 'allmend-ledger-'))
  const chain = await openEmbeddedChain({ folder, chainId: 99_001, clock: nodeClock, logger: silent })
  const network = {
    url: '',
    rpc: chain,
    kind: 'embedded' as const,
    clock: nodeClock,
    primitives: nodePrimitives,
  }
  const directory = await deployLedger({
    ...network,
    key: KEY,
    pool: new Uint8Array(32).fill(3),
    unitBytes: MIB,
    rampBytes: 1_000 * MIB,
  })
  return {
    network,
    directory,
    chain,
    cleanUp: async () => {
      await chain.close()
      await rm(folder, { recursive: true })
    },
  }
}

ledgerConformance('the EVM ledger on the embedded chain', async () => {
  const { network, directory, cleanUp } = await newPool()
  const ledger = await openEvmLedger({ ...network, directory, key: KEY })
  const stranger = await openEvmLedger({ ...network, directory, key: STRANGER })
  return { ledger, stranger, names: ledger.nameSigner, reports: ledger.reportSigner, cleanUp }
})

describe('a ledger that isn’t what it should be', () => {
  test('other code at the address, another chain: refused', async () => {
    const { network, directory, cleanUp, chain } = await newPool()
    const ledger = await openEvmLedger({ ...network, directory, key: KEY })
    const again = await openEvmLedger({ ...network, directory })
    expect(again.binding).toEqual(ledger.binding)
    expect(ledger.pool).toEqual(new Uint8Array(32).fill(3))
    const nowhere = new Uint8Array(20).fill(9)
    await expect(openEvmLedger({ ...network, directory: nowhere })).rejects.toThrow(UntrustedError)
    let id = 0x1869a + 0
    const otherwise: JsonRpc = {
      request: async (method, params) =>
        method === 'eth_chainId' ? `0x${(id++).toString(16)}` : chain.request(method, params),
    }
    await expect(openEvmLedger({ ...network, rpc: otherwise, directory })).rejects.toThrow(UntrustedError)
    await cleanUp()
  })
})
