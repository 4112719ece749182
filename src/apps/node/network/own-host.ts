import { networkInterfaces } from 'node:os'

/** Whether a host to listen at means every interface. */
export function isAnywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** The machine's first IPv4 address on a network, or loopback where there is none. */
export function outsideHost(): string {
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)
  return outside?.address ?? '127.0.0.1'
}
