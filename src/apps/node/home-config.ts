/**
 * `config.json` of a home: where the pool is, and its genesis. Nothing in it is secret, and nothing in it is trusted: the
 * genesis must hash to the pool id that the keystore holds.
 */
import { toHex } from '../../core/open/bytes.ts'
import { JsonRecord } from './json-record.ts'
import type { TransportMode } from './network/transport-mode.ts'
import { TRANSPORT_MODES } from './network/transport-mode.ts'

export interface HomeConfig {
  /** The member's name, for people. */
  readonly name: string
  readonly member: Uint8Array
  readonly genesis: Uint8Array
  readonly tracker: { readonly address: string; readonly peerId: Uint8Array }
  /** Which ways to connect; both unless it says otherwise. */
  readonly transport?: TransportMode
  /** JSON-RPC of a node of the pool's chain; that it shows the pool's contracts is checked. */
  readonly chainUrl?: string
  /** The ledger for which the member's name was handed in. */
  readonly claimed?: ClaimedLedger
}

export interface ClaimedLedger {
  readonly chainId: number
  /** 20 bytes. */
  readonly directory: Uint8Array
}

export function encodeHomeConfig(config: HomeConfig): string {
  const { name, member, genesis, tracker, transport, chainUrl, claimed } = config
  const plain = {
    name,
    member: toHex(member),
    genesis: toHex(genesis),
    tracker: { address: tracker.address, peerId: toHex(tracker.peerId) },
    ...(transport === undefined ? {} : { transport }),
    ...(chainUrl === undefined ? {} : { chainUrl }),
    ...(claimed === undefined
      ? {}
      : { claimed: { chainId: claimed.chainId, directory: toHex(claimed.directory) } }),
  }
  return `${JSON.stringify(plain, null, 2)}\n`
}

/** Throws FolderError naming `file` for anything that isn't a configuration. */
export function parseHomeConfig(text: string, file: string): HomeConfig {
  const root = JsonRecord.parse(text, file)
  const tracker = root.object('tracker')
  return {
    name: root.text('name'),
    member: root.bytes('member', 32),
    genesis: root.bytes('genesis'),
    tracker: { address: tracker.text('address'), peerId: tracker.bytes('peerId', 32) },
    ...(root.has('transport') ? { transport: root.oneOf('transport', TRANSPORT_MODES) } : {}),
    ...(root.has('chainUrl') ? { chainUrl: root.text('chainUrl') } : {}),
    ...(root.has('claimed') ? { claimed: claimedOf(root.object('claimed')) } : {}),
  }
}

function claimedOf(claimed: JsonRecord): ClaimedLedger {
  return { chainId: claimed.count('chainId'), directory: claimed.bytes('directory', 20) }
}
