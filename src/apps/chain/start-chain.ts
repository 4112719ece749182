/** The embedded chain as a role: its folder, its engine, its address. A kill at any moment loses nothing that was answered. */
import * as crypto from 'node:crypto'
import { startChainFront } from '../../adapters/evm/chain/chain-front.ts'
import { openEmbeddedChain } from '../../adapters/evm/chain/embedded-chain.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { UsageError } from '../../core/open/errors.ts'
import type { BlockRef } from '../../ports/ledger-chain.ts'
import type { Logger } from '../../ports/logger.ts'
import { readChainAddress, saveChainAddress } from './chain-address.ts'

/** Far from the ids of public networks, and in what every library takes for a chain id. */
const FIRST_ID = 2 ** 40
const IDS = 2 ** 40

export interface StartChainOptions {
  /** The chain's folder, made when it isn't there. */
  readonly folder: string
  /** host:port; default where it listened last, or 127.0.0.1 and any free port. Another host's address lets everybody there use the chain. */
  readonly listen?: string
  readonly logger: Logger
}

export interface RunningChain {
  /** JSON-RPC. */
  readonly url: string
  /** host:port. */
  readonly address: string
  readonly port: number
  readonly chainId: number
  head(): Promise<BlockRef>
  close(): Promise<void>
}

/** FolderError: in use; MalformedError: the journal is damaged (`position`); UnreachableError: can't listen there. */
export async function startChain(options: StartChainOptions): Promise<RunningChain> {
  const { logger } = options
  if (options.listen !== undefined) parseListen(options.listen)
  const chainId = FIRST_ID + crypto.randomInt(IDS)
  const chain = await openEmbeddedChain({ folder: options.folder, chainId, clock: nodeClock, logger })
  try {
    // Read when the folder is ours.
    const listen = parseListen(options.listen ?? (await readChainAddress(options.folder)) ?? '127.0.0.1:0')
    const front = await startChainFront({ chain, ...listen, logger })
    const address = new URL(front.url).host
    await saveChainAddress(options.folder, address)
    const head = await chain.head()
    logger.info({ url: front.url, chainId: chain.chainId, block: head.number }, 'the chain is ready')
    return {
      url: front.url,
      address,
      port: front.port,
      chainId: chain.chainId,
      head: () => chain.head(),
      async close() {
        await front.close()
        await chain.close()
      },
    }
  } catch (error) {
    await chain.close()
    throw error
  }
}

function parseListen(text: string): { host: string; port: number } {
  const [, host, port] = /^(?:\[?([^\]]*?)\]?):(\d{1,5})$/.exec(text) ?? []
  if (host === undefined || host === '' || Number(port) > 65_535)
    throw new UsageError('an address to listen at is host:port', { listen: text })
  return { host, port: Number(port) }
}
