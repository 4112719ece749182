import { UnreachableError } from '../../core/open/errors.ts'
import { hostPortOfAddress } from '../../core/open/peer-address.ts'
import type { Listener, ListenOptions, Transport } from '../../ports/transport.ts'

/** All IPv4 addresses, a port of the system's choice: the tracker learns the host from the connection. */
export const ANYWHERE = '0.0.0.0:0'

/**
 * Listens where it was asked to; without a port in `wanted`, where it listened last, so that others find this provider again,
 * or, if somebody took that port meanwhile, on another of the same host. Throws UnreachableError for an address that isn't
 * this machine's, or an asked-for port that is taken.
 */
export async function listenAt(
  transport: Transport,
  wanted: string | undefined,
  lastAddress: string | undefined,
  options: Omit<ListenOptions, 'address'>,
): Promise<Listener> {
  const last = lastAddress === undefined ? undefined : hostPortOfAddress(lastAddress)
  const asked = wanted ?? (last === undefined ? ANYWHERE : `${hostOf(last)}:0`)
  if (last === undefined || !asked.endsWith(':0') || hostOf(asked) !== hostOf(last))
    return transport.listen({ ...options, address: asked })
  try {
    return await transport.listen({ ...options, address: last })
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error
    return transport.listen({ ...options, address: asked })
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}
