/**
 * A pool's ledger, as its tracker opens it. Invariants:
 * - contracts are deployed once: what is in `ledger.json` is opened, and another chain, other code, another pool or another
 *   anchoring address there is refused.
 * - the anchoring key of the embedded chain is made in the tracker's folder; any other network's comes from the file that was named.
 */
import * as path from 'node:path'
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import type { EvmLedger, EvmNetwork } from '../../adapters/evm/evm-ledger.ts'
import type { LedgerBinding } from '../../ports/ledger-chain.ts'
import type { Logger } from '../../ports/logger.ts'
import { chainOfFolder } from '../chain/chain-address.ts'
import { openChainKey, readChainKey } from '../chain/chain-key-file.ts'
import type { LedgerFactory } from './attach-ledger.ts'
import type { ChainNode, LedgerRecord } from './ledger-record.ts'
import { readLedgerRecord, saveLedgerRecord } from './ledger-record.ts'

/** The chain of a folder, which another process runs, or a node of any network. */
export type ChainSource = { readonly folder: string } | ChainNode

/** Opens the ledger of the tracker in `folder`, and deploys it where there is none. */
export function poolLedger(folder: string, source: ChainSource, logger: Logger): LedgerFactory {
  return async (pool) => {
    const { deployLedger, openEvmLedger } = await import('../../adapters/evm/evm-ledger.ts')
    const network = networkOf(source)
    const key = await keyOf(folder, source)
    const record = await readLedgerRecord(folder)
    const directory = record?.binding.directory ?? (await deployLedger({ ...network, pool, key }))
    const ledger = await openEvmLedger({ ...network, directory, key, primitives: nodePrimitives })
    try {
      if (!equalBytes(ledger.pool, pool)) throw new UntrustedError('these contracts are of another pool')
      if (record === undefined)
        logger.info({ directory: `0x${toHex(directory)}` }, 'the contracts of the pool are deployed')
      else checkBinding(record.binding, ledger)
      await keep(folder, record, source, ledger.binding)
      return ledger
    } catch (error) {
      await ledger.close()
      throw error
    }
  }
}

function networkOf(source: ChainSource): EvmNetwork {
  if ('url' in source) return { url: source.url, clock: nodeClock }
  return { url: 'embedded', kind: 'embedded', clock: nodeClock, rpc: chainOfFolder(source.folder) }
}

function keyOf(folder: string, source: ChainSource): Promise<Uint8Array> {
  return 'url' in source ? readChainKey(source.keyFile) : openChainKey(path.join(folder, 'chain.key'))
}

function checkBinding(known: LedgerBinding, { binding }: EvmLedger): void {
  const same =
    known.chainId === binding.chainId &&
    equalBytes(known.codeHash, binding.codeHash) &&
    equalBytes(known.anchor, binding.anchor)
  if (!same)
    throw new UntrustedError('this is not the chain of this pool, or these are not its contracts', {
      chainId: binding.chainId,
      wanted: known.chainId,
    })
}

async function keep(
  folder: string,
  record: LedgerRecord | undefined,
  source: ChainSource,
  binding: LedgerBinding,
): Promise<void> {
  const node = 'url' in source ? { node: { url: source.url, keyFile: path.resolve(source.keyFile) } } : {}
  const same = record?.node?.url === node.node?.url && record?.node?.keyFile === node.node?.keyFile
  if (record === undefined || !same) await saveLedgerRecord(folder, { binding, ...node })
}
