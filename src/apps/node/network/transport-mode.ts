import { UsageError } from '../../../core/open/errors.ts'

/** Which ways are used: TLS over TCP, UDP with hole punching, or both, each where it does better. */
export type TransportMode = 'auto' | 'udp' | 'tls'

export const TRANSPORT_MODES: readonly TransportMode[] = ['auto', 'udp', 'tls']

/** The mode of this name; UsageError for another. */
export function parseTransportMode(name: string): TransportMode {
  const mode = TRANSPORT_MODES.find((known) => known === name)
  if (mode === undefined)
    throw new UsageError(`a transport is one of ${TRANSPORT_MODES.join(', ')}`, { name })
  return mode
}
