import { MalformedError } from '../core/open/errors.ts'

/** Hosts that mean "every interface" and tell a dialler nothing. */
const UNSPECIFIED = new Set(['', '0.0.0.0', '[::]', '::', '*'])

function split(address: string): { host: string; port: string } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, Math.max(colon, 0)), port: address.slice(colon + 1) }
}

/** The host:port to dial: a host that says nothing is replaced by the one that the caller came from. Throws MalformedError. */
export function dialAddress(claimed: string, remoteAddress: string): string {
  const { host, port } = split(claimed)
  const number = /^[0-9]{1,5}$/.test(port) ? Number(port) : 0
  if (number < 1 || number > 65_535) throw new MalformedError("a provider's address is host:port")
  const dialled = UNSPECIFIED.has(host) ? split(remoteAddress).host : host
  if (!/^[0-9A-Za-z._[\]:%-]{1,255}$/.test(dialled))
    throw new MalformedError("a provider's host is a name or an IP address")
  return `${dialled}:${number}`
}
