/**
 * Where a peer takes connections: over TLS, over UDP, or both. Three forms:
 * - `<host:port>`: TLS only;
 * - `<key>` or `<key>@<hints>`: UDP only;
 * - `<host:port>+<key>`: both, and the host and port hold for UDP too; `<host:port>+<key>@<hints>`: other hints for UDP, or, with
 *   an empty list, none.
 * The key is the peer's raw Ed25519 net key in base64url (43 letters), hints are `host:port`, separated by commas.
 */
import { fromBase64Url } from '../bytes.ts'
import { UsageError } from '../errors.ts'

/** A DNS name has at most 253 letters; an address with its hints stays in what a provider's record has room for. */
export const MAX_ADDRESS_CHARACTERS = 300
const KEY_BYTES = 32
/** Of an address that is none. */
const MAX_SHOWN = 64

const HOST_PORT = /^(?:[^\s:[\]/#+@,]+|\[[0-9a-fA-F:.%\w]+\]):[0-9]{1,5}$/

export interface PeerAddress {
  /** `host:port`, an IPv6 host in brackets. */
  readonly tls?: string
  /** `<key>` or `<key>@<hints>`. */
  readonly udp?: string
}

/** Takes an address apart; UsageError for anything else. The UDP part's hints are only split off, not checked. */
export function parsePeerAddress(address: string): PeerAddress {
  if (address.length > MAX_ADDRESS_CHARACTERS)
    throw new UsageError('this is too long for an address', { most: MAX_ADDRESS_CHARACTERS })
  const plus = address.indexOf('+')
  if (plus < 0) return HOST_PORT.test(address) ? { tls: address } : { udp: udpPart(address, address) }
  const tls = address.slice(0, plus)
  if (!HOST_PORT.test(tls)) throw notAnAddress(address, 'host:port+key')
  const udp = udpPart(address.slice(plus + 1), address)
  if (udp.endsWith('@')) return { tls, udp: udp.slice(0, -1) }
  // The DHT speaks IPv4 only.
  return { tls, udp: udp.includes('@') || tls.startsWith('[') ? udp : `${udp}@${tls}` }
}

/** Names what was given, but for what may be a token's secret. */
export function notAnAddress(address: string, forms: string): UsageError {
  const [given = ''] = address.split('#', 1)
  const shown = given.length > MAX_SHOWN ? `${given.slice(0, MAX_SHOWN)}…` : given
  return new UsageError(`an address is ${forms}, such as 192.0.2.7:7400, and not "${shown}"`, {
    address: given,
  })
}

function udpPart(text: string, address: string): string {
  const key = fromBase64Url(text.split('@', 1)[0] ?? '')
  if (key?.length !== KEY_BYTES) throw notAnAddress(address, 'host:port, host:port+key or key@host:port')
  return text
}

/** The shortest form of an address; UsageError where it has neither part. */
export function formatPeerAddress({ tls, udp }: PeerAddress): string {
  if (udp === undefined) {
    if (tls === undefined) throw new UsageError('an address has one part at least')
    return tls
  }
  if (tls === undefined) return udp
  const [key, hints] = udp.split('@')
  if (hints === undefined) return tls.startsWith('[') ? `${tls}+${key}` : `${tls}+${key}@`
  return `${tls}+${key}${hints === tls ? '' : `@${hints}`}`
}

/** The raw key of an address's UDP part, 32 bytes. */
export function keyOfAddress({ udp }: PeerAddress): Uint8Array | undefined {
  return udp === undefined ? undefined : fromBase64Url(udp.split('@', 1)[0] ?? '')
}

/** The hints of an address's UDP part, each `host:port`. */
export function hintsOfAddress({ udp }: PeerAddress): string[] {
  const hints = udp?.split('@')[1]
  return hints === undefined || hints === '' ? [] : hints.split(',')
}

/** The first `host:port` that an address names; undefined where it has but a key. */
export function hostPortOfAddress(address: string): string | undefined {
  const parts = parsePeerAddress(address)
  return parts.tls ?? hintsOfAddress(parts)[0]
}
