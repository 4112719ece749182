/**
 * The ledger on an Ethereum network: see ports/ledger.ts for what is promised. Every write is checked against the state first and
 * last, so that it can be repeated after any failure.
 */
import type { Clock } from '../../ports/clock.ts'
import { UsageError } from '../../core/open/errors.ts'
import type { Ledger } from '../../ports/ledger.ts'
import type { ChainKind, LedgerStatus } from '../../ports/ledger-chain.ts'
import { ChainReader } from './chain-reader.ts'
import { headMethods } from './evm-heads.ts'
import { nameMethods } from './evm-names.ts'
import { providerMethods } from './evm-providers.ts'
import { createJsonRpc } from './json-rpc.ts'
import type { JsonRpc } from './json-rpc.ts'
import type { PoolContracts, PoolSettings } from './pool-contracts.ts'
import { deployContracts, openContracts } from './pool-contracts.ts'
import { Transactor } from './transactor.ts'
import { createReportSigner } from './report-signer.ts'
import { createNameSigner } from './typed-data.ts'
import { hexToBytes } from 'viem'
import type { NameSigner } from '../../ports/ledger-names.ts'
import type { ReportSigner } from '../../ports/ledger-providers.ts'
import type { Primitives } from '../../core/open/primitives.ts'

export interface EvmNetwork {
  readonly url: string
  /** Default: by the chain's id (`chainKindOf`). */
  readonly kind?: ChainKind
  readonly clock: Clock
  /** Asks instead of a node at `url`. */
  readonly rpc?: JsonRpc
  /** How long a write may take, ms; default by the kind of network. */
  readonly patienceMs?: number
}

export interface OpenLedgerOptions extends EvmNetwork {
  readonly primitives: Pick<Primitives, 'sha256'>
  /** 20 bytes. */
  readonly directory: Uint8Array
  /** The anchoring key, 32 bytes; without it nothing can be written. */
  readonly key?: Uint8Array
}

export interface EvmLedger extends Ledger {
  /** The pool of the contracts, 32 bytes. */
  readonly pool: Uint8Array
  readonly nameSigner: NameSigner
  readonly reportSigner: ReportSigner
  readonly contracts: PoolContracts
}

const PUBLIC = new Set([1, 17_000, 560_048, 11_155_111, 100, 137])
const ROLLUPS = new Set([10, 8_453, 42_161, 42_170, 59_144, 324, 534_352, 84_532, 11_155_420, 421_614])

/** What is known of a chain id; everything unknown counts as a consortium's. */
export function chainKindOf(chainId: number): ChainKind {
  if (PUBLIC.has(chainId)) return 'public'
  return ROLLUPS.has(chainId) ? 'rollup' : 'consortium'
}

interface Network {
  readonly reader: ChainReader
  readonly chainId: number
  readonly kind: ChainKind
}

async function connect({ url, kind, rpc }: EvmNetwork, signal?: AbortSignal): Promise<Network> {
  const node = rpc ?? createJsonRpc({ url })
  const reader = new ChainReader({
    request: (method, params) => node.request(method, params, signal),
  })
  const chainId = await reader.chainId()
  return { reader, chainId, kind: kind ?? chainKindOf(chainId) }
}

/** Deploys a pool's contracts with the key that will anchor; gives the directory's address, 20 bytes. */
export async function deployLedger(
  options: EvmNetwork & PoolSettings & { readonly key: Uint8Array },
): Promise<Uint8Array> {
  const network = await connect(options)
  return deployContracts(new Transactor({ ...options, ...network }), network.reader, options)
}

/** UntrustedError when another chain, other code or contracts of another build are found; UnreachableError. */
export async function openEvmLedger(options: OpenLedgerOptions): Promise<EvmLedger> {
  const { directory, key, primitives } = options
  const closing = new AbortController()
  const { signal } = closing
  const network = await connect(options, signal)
  const { reader, chainId, kind } = network
  const contracts = await openContracts(reader, chainId, directory)
  const transactor = key === undefined ? undefined : new Transactor({ ...options, ...network, key, signal })
  const writer = (): Transactor => {
    if (transactor === undefined)
      throw new UsageError('this ledger was opened without a key: it can be read only')
    return transactor
  }
  return {
    pool: contracts.pool,
    contracts,
    binding: contracts.binding,
    nameSigner: createNameSigner({ chainId, contract: hexToBytes(contracts.names.address) }),
    reportSigner: createReportSigner({ chainId, contract: hexToBytes(contracts.providers.address) }),
    async status(): Promise<LedgerStatus> {
      await reader.checkChain(chainId)
      const [block, final] = await Promise.all([reader.head(), reader.finalBlock(kind)])
      return { chain: { id: chainId, kind, block, final }, gasSpent: transactor?.gasSpent ?? 0 }
    },
    blockHash: async (block) => (await reader.blockAt(block))?.hash,
    ...nameMethods(contracts, writer),
    ...providerMethods(contracts, writer, reader, primitives),
    ...headMethods(contracts, writer),
    close: async () => closing.abort(),
  }
}
