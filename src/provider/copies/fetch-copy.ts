import { equalBytes } from '../../core/open/bytes.ts'
import { DeniedError, MalformedError, UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import { MAX_TICKET_SECONDS, TICKET_READ, ticketCodec } from '../../core/open/objects/ticket.ts'
import { presentTicket, readShard } from '../../core/open/protocol/provider-methods.ts'
import { copyTimeMs } from '../../core/open/stripes/copies.ts'
import { MAX_SHARD_BYTES } from '../../core/open/stripes/stripe.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { Clock } from '../../ports/clock.ts'
import { call } from '../../ports/rpc.ts'
import { slept } from '../../ports/slept.ts'
import type { Connection, DialOptions } from '../../ports/transport.ts'
import { requireInTime } from '../tickets/in-time.ts'

export interface FetchParts {
  readonly primitives: Primitives
  readonly clock: Clock
  readonly pool: Uint8Array
  readonly logKey: Uint8Array
  /** This provider's. */
  readonly netKey: Uint8Array
  readonly dial: (address: string, peerId: Uint8Array, options: DialOptions) => Promise<Connection>
}

/** What a tracker asks for: where to read a shard, with which ticket. */
export interface CopyAsk {
  readonly address: string
  readonly ticket: Signed
}

/** One shard at one holder. */
export interface CopySource {
  readonly shard: Uint8Array
  readonly length: number
  /** Provider id. */
  readonly holder: Uint8Array
}

/** What an ask is for. Throws UntrustedError, MalformedError, DeniedError for a ticket that doesn't let this provider read one shard. */
export function sourceOf(parts: Omit<FetchParts, 'dial'>, { ticket: signed }: CopyAsk): CopySource {
  const { primitives, pool, logKey, netKey } = parts
  const ticket = openSigned(primitives, 'ticket', pool, logKey, ticketCodec, signed)
  if (!equalBytes(ticket.holder, netKey) || ticket.kind !== TICKET_READ)
    throw new DeniedError('this ticket does not let this provider read')
  requireInTime(parts, ticket.notAfter, MAX_TICKET_SECONDS)
  const [only, ...more] = ticket.shards
  if (only === undefined || more.length > 0 || only[1] > MAX_SHARD_BYTES)
    throw new MalformedError('a copy is of one shard')
  return { shard: only[0], length: only[1], holder: ticket.provider }
}

/**
 * The shard's bytes as its holder gives them: unverified but for their number. Throws what dialling and reading throws; UnreachableError where it takes longer
 * than the tracker waits for it.
 */
export async function fetchCopy(
  { dial, clock }: Pick<FetchParts, 'dial' | 'clock'>,
  ask: CopyAsk,
  source: CopySource,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const [over, late] = [new AbortController(), new AbortController()]
  const limit = slept(clock, copyTimeMs(source.length), over.signal).then((isLate) => {
    if (isLate) late.abort()
  })
  try {
    return await readFrom(dial, ask, source, AbortSignal.any([signal, late.signal]))
  } catch (cause) {
    const { holder, length } = source
    if (!late.signal.aborted) throw cause
    throw new UnreachableError('a copy was too long on its way', { provider: holder, length }, { cause })
  } finally {
    over.abort()
    await limit
  }
}

async function readFrom(
  dial: FetchParts['dial'],
  { address, ticket }: CopyAsk,
  { shard, length, holder }: CopySource,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const connection = await dial(address, holder, { signal })
  try {
    await call(connection, presentTicket, { ticket }, undefined, { signal })
    const options = { signal, expectBodyBytes: length }
    const { body } = await call(connection, readShard, { shard, ranges: [] }, undefined, options)
    if (body.length !== length)
      throw new UntrustedError('a provider answered with another length than was asked for', {
        provider: holder,
      })
    return body
  } finally {
    await connection.close()
  }
}
