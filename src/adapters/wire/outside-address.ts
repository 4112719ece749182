import { isIP } from 'node:net'

/**
 * Whether an address (`host:port`, an IPv6 host in brackets) is beyond the local network: neither loopback nor link-local nor of a range
 * for private networks (RFC 1918, RFC 4193). Addresses of carriers' NATs (100.64.0.0/10) are beyond it, and so is what is no address.
 */
export function isOutside(address: string): boolean {
  const host = /^\[(.+)\]:\d+$/.exec(address)?.[1] ?? address.replace(/:\d+$/, '')
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  switch (isIP(plain)) {
    case 4:
      return !isLocalV4(plain)
    case 6:
      return !/^(?:::1$|fe[89ab]|f[cd])/i.test(plain)
    default:
      return true
  }
}

/** Whether an address is this machine itself. */
export function isLoopback(address: string): boolean {
  return /^(?:127\.|\[::1\]|\[?::ffff:127\.)/i.test(address)
}

function isLocalV4(host: string): boolean {
  const [a = 0, b = 0] = host.split('.').map(Number)
  return (
    a === 127 ||
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254)
  )
}
