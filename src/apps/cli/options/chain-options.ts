/** What commands that run a tracker take about its chain. */
import { UsageError } from '../../../core/open/errors.ts'
import type { AnchoringIntervals } from '../../tracker/attach-ledger.ts'
import type { ChainNode } from '../../tracker/ledger-record.ts'
import { countingNumber } from './whole-number.ts'

export interface ChainNodeOptions {
  readonly chainUrl?: string
  readonly chainKeyFile?: string
}

export interface AnchorOptions {
  readonly anchorEvery?: number
  readonly anchorSeconds?: number
}

export const CHAIN_URL = [
  '--chain-url <url>',
  'anchor the log on an Ethereum network: the JSON-RPC address of a node',
] as const
export const CHAIN_KEY_FILE = [
  '--chain-key-file <file>',
  'the key that deploys the contracts and anchors there, as 64 hexadecimal digits',
] as const
export const ANCHOR_EVERY = [
  '--anchor-every <entries>',
  'anchor when so many entries of the log are not anchored; by default 1000',
  countingNumber,
] as const
export const ANCHOR_SECONDS = [
  '--anchor-seconds <seconds>',
  'anchor what is not anchored after so long; by default 60',
  countingNumber,
] as const

export interface ChainUrlOption {
  readonly chainUrl?: string
}

/** For commands that ask the chain itself. */
export const ASK_CHAIN_URL = [
  '--chain-url <url>',
  "a node of the pool's chain that is asked (default: ALLMEND_CHAIN_URL or the home's)",
] as const

/** The node to ask by option or environment; the home may know another. */
export function namedChainUrl(option: string | undefined): string | undefined {
  return option ?? (process.env['ALLMEND_CHAIN_URL'] || undefined)
}

/** The node that was named, with its key. */
export function chainNode({ chainUrl, chainKeyFile }: ChainNodeOptions): ChainNode | undefined {
  if (chainUrl === undefined && chainKeyFile === undefined) return undefined
  if (chainUrl === undefined || chainKeyFile === undefined)
    throw new UsageError('--chain-url and --chain-key-file go together')
  if (!/^https?:$/.test(URL.parse(chainUrl)?.protocol ?? ''))
    throw new UsageError('--chain-url is an http or https address', { url: chainUrl })
  return { url: chainUrl, keyFile: chainKeyFile }
}

export function anchoringIntervals({ anchorEvery, anchorSeconds }: AnchorOptions): AnchoringIntervals {
  return {
    ...(anchorEvery === undefined ? {} : { everyEntries: anchorEvery }),
    ...(anchorSeconds === undefined ? {} : { everyMs: anchorSeconds * 1_000 }),
  }
}
