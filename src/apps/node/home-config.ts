/**
 * `config.json` of a home: where the pool is, and its genesis. Nothing in it is secret, and nothing in it is trusted: the
 * genesis must hash to the pool id that the keystore holds.
 */
import { fromHex, toHex } from '../../core/open/bytes.ts'
import { FolderError } from '../../core/open/errors.ts'
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
  const fail = (what: string): never => {
    throw new FolderError(`${file} is damaged: ${what}`, { file })
  }
  const object = (value: unknown, what: string): Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : fail(`${what} is not an object`)
  const string = (value: unknown, what: string): string =>
    typeof value === 'string' ? value : fail(`${what} is not a text`)
  const number = (value: unknown, what: string): number =>
    typeof value === 'number' && Number.isSafeInteger(value) ? value : fail(`${what} is not a whole number`)
  const bytes = (value: unknown, what: string, length?: number): Uint8Array => {
    const found = fromHex(string(value, what))
    if (found === undefined || (length !== undefined && found.length !== length))
      return fail(`${what} is not the right number of hexadecimal digits`)
    return found
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return fail('it is not JSON')
  }
  const root = object(parsed, 'it')
  const tracker = object(root['tracker'], 'tracker')
  const transport = TRANSPORT_MODES.find((mode) => mode === root['transport'])
  if (root['transport'] !== undefined && transport === undefined) fail('transport is unknown')
  const chainUrl = root['chainUrl']
  const claimed = root['claimed'] === undefined ? undefined : object(root['claimed'], 'claimed')
  return {
    name: string(root['name'], 'name'),
    member: bytes(root['member'], 'member', 32),
    genesis: bytes(root['genesis'], 'genesis'),
    tracker: {
      address: string(tracker['address'], 'tracker.address'),
      peerId: bytes(tracker['peerId'], 'tracker.peerId', 32),
    },
    ...(transport === undefined ? {} : { transport }),
    ...(chainUrl === undefined ? {} : { chainUrl: string(chainUrl, 'chainUrl') }),
    ...(claimed === undefined
      ? {}
      : {
          claimed: {
            chainId: number(claimed['chainId'], 'claimed.chainId'),
            directory: bytes(claimed['directory'], 'claimed.directory', 20),
          },
        }),
  }
}
