import type { TransportSetup } from '../../ports/transport.conformance.ts'
import { MAX_BODY_BYTES } from '../../ports/transport.ts'
import type { WireLimits } from './limits.ts'

const ONE_BODY = {
  peerRequestBytes: MAX_BODY_BYTES,
  peerResponseBytes: MAX_BODY_BYTES,
  peerAnswerBytes: MAX_BODY_BYTES,
  requestBytes: MAX_BODY_BYTES,
  responseBytes: MAX_BODY_BYTES,
  answerBytes: MAX_BODY_BYTES,
}

/** Limits of a node as the transports' conformance asks for it. */
export function conformanceLimits({
  connectionsPerPeer = 8,
  smallBudgets = false,
}: NonNullable<Parameters<TransportSetup['node']>[1]> = {}): Partial<WireLimits> {
  return { connectionsPerPeer, ...(smallBudgets ? ONE_BODY : {}) }
}
