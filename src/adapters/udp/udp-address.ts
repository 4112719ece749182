/**
 * Where a peer is found over UDP: `<key>`, or `<key>@<host:port>[,<host:port>...]`. The key is the peer's raw Ed25519 net key in
 * base64url; each hint is the peer's own socket, or any node of the DHT that can forward to it.
 */
import { fromBase64Url, toBase64Url } from '../../core/open/bytes.ts'
import { UsageError } from '../../core/open/errors.ts'
import { formatAddress, parseAddress } from '../wire/address.ts'

export interface HostPort {
  readonly host: string
  readonly port: number
}

export interface UdpAddress {
  /** Raw Ed25519 key, 32 bytes. */
  readonly key: Uint8Array
  readonly hints: readonly HostPort[]
}

/** Hints that are tried; each may cost seconds where it is dead. */
export const MAX_HINTS = 8

/** Takes an address apart; UsageError for anything else, for IPv6 hosts too, which the DHT cannot name. */
export function parseUdpAddress(address: string): UdpAddress {
  const at = address.indexOf('@')
  const key = fromBase64Url(at < 0 ? address : address.slice(0, at))
  if (key?.length !== 32) throw new UsageError('a UDP address begins with a key', { address })
  const hints =
    at < 0
      ? []
      : address
          .slice(at + 1)
          .split(',')
          .map(parseHostPort)
  if (hints.length > MAX_HINTS) throw new UsageError('too many hosts in a UDP address', { most: MAX_HINTS })
  return { key, hints }
}

/** The address of a key, with where to find it. */
export function formatUdpAddress(key: Uint8Array, hints: readonly HostPort[]): string {
  const name = toBase64Url(key)
  if (hints.length === 0) return name
  return `${name}@${hints.map(({ host, port }) => formatAddress(host, port)).join(',')}`
}

/** `host:port` with an IPv4 address or a name as host; UsageError otherwise. */
export function parseHostPort(address: string): HostPort {
  const { host, port } = parseAddress(address)
  if (host.includes(':')) throw new UsageError('UDP works over IPv4 only', { address })
  return { host, port }
}
