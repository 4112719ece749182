import { BlockList, isIP } from 'node:net'

/** This machine itself. Addresses of IPv4 written as ones of IPv6 (`::ffff:127.0.0.1`) count as what they are, here and below. */
const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/** Private networks (RFC 1918, RFC 4193) and what is link-local. */
const LOCAL = new BlockList()
for (const [net, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const)
  LOCAL.addSubnet(net, prefix)
LOCAL.addSubnet('fc00::', 7, 'ipv6')
LOCAL.addSubnet('fe80::', 10, 'ipv6')

/**
 * Whether an address is beyond the local network: neither loopback nor link-local nor of a range for private networks. Addresses of carriers' NATs
 * (100.64.0.0/10) are beyond it, and so is what is no address. Takes what `isLoopback` takes.
 */
export function isOutside(address: string): boolean {
  const host = hostOf(address)
  return !isIn(LOOPBACK, host) && !isIn(LOCAL, host)
}

/** Whether an address is this machine itself: a host, or `host:port`; an IPv6 host may be in brackets, and is where a port follows. */
export function isLoopback(address: string): boolean {
  const host = hostOf(address)
  return host.toLowerCase() === 'localhost' || isIn(LOOPBACK, host)
}

function isIn(list: BlockList, host: string): boolean {
  const version = isIP(host)
  return version !== 0 && list.check(host, version === 4 ? 'ipv4' : 'ipv6')
}

/** Without its port, its brackets and the name of the interface. */
function hostOf(address: string): string {
  const host = /^\[(.+)\](?::\d+)?$/.exec(address)?.[1] ?? address
  return (isIP(host) === 6 ? host : host.replace(/:\d+$/, '')).replace(/%.*$/, '')
}
