import { UnreachableError } from '../../core/open/errors.ts'
import { formatPeerAddress } from '../../core/open/peers/peer-address.ts'
import type { Listener, ListenOptions, Transport } from '../../ports/transport.ts'
import { formatAddress } from '../wire/address.ts'
import type { UdpWay } from './udp-way.ts'

/** Listens every way that there is, over TLS at this host and port; the listener's address names them all. Options as of `AutoTransport.listen`. */
export async function listenBoth(
  tls: Transport | undefined,
  udp: UdpWay | undefined,
  { host, port }: { readonly host: string; readonly port: number },
  options: ListenOptions,
): Promise<Listener> {
  const over: Listener[] = []
  try {
    if (tls !== undefined) over.push(await listenOnSame(tls, options, host, port, udp))
    if (udp !== undefined)
      over.push(await udp.transport.listen({ ...options, address: formatAddress(udp.at.host, udp.at.port) }))
  } catch (error) {
    await Promise.all(over.map((listener) => listener.close()))
    throw error
  }
  const at = tls === undefined ? undefined : over[0]?.address
  const key = udp === undefined ? undefined : over.at(-1)?.address.split('@', 1)[0]
  return {
    get address() {
      const hint = udp?.isReachable() === true ? `@${formatAddress(udp.at.host, udp.at.port)}` : ''
      return formatPeerAddress({
        ...(at === undefined ? {} : { tls: at }),
        ...(key === undefined ? {} : { udp: `${key}${hint}` }),
      })
    },
    close: async () => {
      await Promise.all(over.map((listener) => listener.close()))
    },
  }
}

/** Over TLS on UDP's port where the choice is free; there may be somebody else, and then any port will do. */
async function listenOnSame(
  tls: Transport,
  options: ListenOptions,
  host: string,
  port: number,
  udp: UdpWay | undefined,
): Promise<Listener> {
  if (port !== 0 || udp === undefined) return tls.listen({ ...options, address: formatAddress(host, port) })
  try {
    return await tls.listen({ ...options, address: formatAddress(host, udp.at.port) })
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error
    return tls.listen({ ...options, address: formatAddress(host, 0) })
  }
}
