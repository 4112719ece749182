import { UnreachableError } from '../../core/open/errors.ts'
import { hostPortOfAddress } from '../../core/open/peers/peer-address.ts'
import { ANYWHERE } from '../node/network/listen-place.ts'
import type { Listener, ListenOptions, Transport } from '../../ports/transport.ts'

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
  const asked = wanted ?? lastPlace(lastAddress) ?? ANYWHERE
  if (last === undefined || !asked.endsWith(':0') || hostOf(asked) !== hostOf(last))
    return transport.listen({ ...options, address: asked })
  try {
    return await transport.listen({ ...options, address: last })
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error
    return transport.listen({ ...options, address: asked })
  }
}

/** The host of an address that a provider had, with a port of the system's choice; undefined where it names none. */
export function lastPlace(address: string | undefined): string | undefined {
  const last = address === undefined ? undefined : hostPortOfAddress(address)
  return last === undefined ? undefined : `${hostOf(last)}:0`
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}
