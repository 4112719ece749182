import type { Path } from '../../adapters/auto/auto-transport.ts'
import { AutoTransport } from '../../adapters/auto/auto-transport.ts'
import { AllmendError, NotFoundError } from '../../core/open/errors.ts'
import type { Connection, Transport } from '../../ports/transport.ts'

/** Who takes longer is not reached in a way that anybody would work with. */
const DIAL_MS = 4000
const ANSWER_MS = 3000
/** No node has a method of this number: its refusal costs a round trip and nothing else. */
const NO_METHOD = 0
const TRIES = 3
const NOTHING = new Uint8Array(0)

/** How this machine reaches a peer, or why it doesn't. */
export interface MeasuredPeer {
  /** The transport in use. */
  readonly transport?: 'tls' | 'udp'
  readonly relayed?: boolean
  /** The other end as seen from here: the peer, or a relay. */
  readonly at?: string
  readonly roundTripMs?: number
  /** Bytes a second in transfers of the last half hour; absent where there were none. */
  readonly goodput?: number
  readonly problem?: string
}

/** Connects to a peer, measures the round trip, and hangs up; never throws for a peer that can't be reached. */
export async function measurePeer(
  transport: Transport,
  peer: { readonly id: Uint8Array; readonly address: string },
): Promise<MeasuredPeer> {
  let connection: Connection | undefined
  try {
    connection = await transport.dial(peer.address, peer.id, { timeoutMs: DIAL_MS })
    const roundTripMs = await roundTrip(connection)
    const path: Path | undefined = transport instanceof AutoTransport ? transport.path(connection) : undefined
    return {
      ...(path === undefined ? {} : { transport: path.way, relayed: path.relayed }),
      at: connection.remoteAddress,
      roundTripMs,
      ...(path?.goodput === undefined ? {} : { goodput: Math.round(path.goodput) }),
    }
  } catch (error) {
    if (!(error instanceof AllmendError)) throw error
    return { problem: error.message }
  } finally {
    await connection?.close()
  }
}

/** The least of a few, ms. */
async function roundTrip(connection: Connection): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < TRIES; i++) {
    const started = performance.now()
    try {
      await connection.request(NO_METHOD, { head: NOTHING, body: NOTHING }, { timeoutMs: ANSWER_MS })
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
    }
    least = Math.min(least, performance.now() - started)
  }
  return Math.round(least * 100) / 100
}

/** Milliseconds for people. */
export function formatMs(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}
