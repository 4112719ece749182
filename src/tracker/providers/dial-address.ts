import { equalBytes, toBase64Url } from '../../core/open/bytes.ts'
import { MalformedError, UsageError } from '../../core/open/errors.ts'
import type { PeerAddress } from '../../core/open/peers/peer-address.ts'
import {
  formatPeerAddress,
  hintsOfAddress,
  keyOfAddress,
  parsePeerAddress,
} from '../../core/open/peers/peer-address.ts'

/** Hosts that mean "every interface" and tell a dialler nothing. */
const UNSPECIFIED = new Set(['0.0.0.0', '[::]', '*'])
/** Of one address: each may cost a dialler time. */
const MAX_HINTS = 8

/**
 * The address to dial: hosts that say nothing are replaced by the one that the caller came from. Throws MalformedError, also where
 * it names another key than `net`, the caller's.
 */
export function dialAddress(claimed: string, remoteAddress: string, net: Uint8Array): string {
  const parts = parsed(claimed)
  const key = keyOfAddress(parts)
  if (key !== undefined && !equalBytes(key, net))
    throw new MalformedError("a node's address names its own key")
  const hints = hintsOfAddress(parts)
  if (hints.length > MAX_HINTS) throw new MalformedError('too many hosts in an address', { most: MAX_HINTS })
  const placed = hints
    .map((hint) => place(hint, remoteAddress))
    // The DHT speaks IPv4 only, and a caller that came over IPv6 didn't show which IPv4 address it has.
    .filter((hint) => !hint.startsWith('['))
    .join(',')
  return formatPeerAddress({
    ...(parts.tls === undefined ? {} : { tls: place(parts.tls, remoteAddress) }),
    ...(key === undefined ? {} : { udp: `${toBase64Url(key)}${placed === '' ? '' : `@${placed}`}` }),
  })
}

function parsed(claimed: string): PeerAddress {
  try {
    return parsePeerAddress(claimed)
  } catch (error) {
    if (error instanceof UsageError) throw new MalformedError(error.message)
    throw error
  }
}

function split(address: string): { host: string; port: string } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, Math.max(colon, 0)), port: address.slice(colon + 1) }
}

function place(claimed: string, remoteAddress: string): string {
  const { host, port } = split(claimed)
  const number = /^[0-9]{1,5}$/.test(port) ? Number(port) : 0
  if (number < 1 || number > 65_535) throw new MalformedError("a node's address is host:port")
  const dialled = UNSPECIFIED.has(host) ? split(remoteAddress).host : host
  if (!/^[0-9A-Za-z._[\]:%-]{1,255}$/.test(dialled))
    throw new MalformedError("a node's host is a name or an IP address")
  return `${dialled}:${number}`
}
