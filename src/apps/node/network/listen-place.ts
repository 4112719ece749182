/** Where a node takes connections: TLS at an IPv4 or IPv6 address, UDP at an IPv4 one, both at one port. */
import { lookup } from 'node:dns/promises'
import { isIP, isIPv4 } from 'node:net'
import { formatAddress, parseAddress } from '../../../adapters/wire/address.ts'
import { cannotListen } from '../../../adapters/wire/socket-error.ts'
import { UsageError } from '../../../core/open/errors.ts'
import { isAnywhere, outsideHost } from './own-host.ts'

/** All IPv4 addresses, a port of the system's choice. */
export const ANYWHERE = '0.0.0.0:0'
const LOOPBACK_6 = '::1'

export interface ListenPlace {
  /** `host:port` for TCP; the host is an IP address. */
  readonly tcp: string
  /** `host:port` for UDP; the host is an IPv4 address. */
  readonly udp: string
  /** The IPv4 address under which others reach UDP, as far as this machine knows. */
  readonly outside: string
}

/**
 * What `host:port` says of where to listen; a name stands for the IPv4 address that it has here, or, without one, for its IPv6 address.
 * UsageError for anything else, UnreachableError for a name that nobody knows.
 */
export async function listenPlace(address: string): Promise<ListenPlace> {
  const { host: named, port } = hostPort(address)
  const host = isIP(named) === 0 ? await addressOf(named, address) : named
  const udpHost = isIPv4(host) ? host : host === LOOPBACK_6 ? '127.0.0.1' : '0.0.0.0'
  return {
    tcp: formatAddress(host, port),
    udp: formatAddress(udpHost, port),
    outside: isAnywhere(udpHost) ? outsideHost() : udpHost,
  }
}

function hostPort(address: string): { readonly host: string; readonly port: number } {
  try {
    // What a node shows as its address says it, too.
    return parseAddress(address.split('+', 1)[0] ?? '')
  } catch (cause) {
    const example = address.includes(':') && !address.includes('.') ? '[::]:7400' : '0.0.0.0:7400'
    throw new UsageError(
      `where to listen is host:port, such as ${example}, and not "${address}"`,
      { address },
      { cause },
    )
  }
}

async function addressOf(name: string, address: string): Promise<string> {
  try {
    const found = await lookup(name, { all: true, order: 'ipv4first' })
    return found[0]!.address
  } catch (error) {
    throw cannotListen(address, error)
  }
}
