/**
 * What the peers of open connections may do, from the tickets that they presented. Invariants:
 * - a right belongs to one connection: another channel, of the same peer too, has to present its own ticket.
 * - rights are bounded: a connection that exceeds its share forgets its oldest; all together beyond the total is BusyError.
 * - nothing outlives its connection.
 */
import { toHex } from '../../core/open/bytes.ts'
import { BusyError } from '../../core/open/errors.ts'
import type { Ticket } from '../../core/open/objects/ticket.ts'
import { MAX_TICKET_SHARDS } from '../../core/open/objects/ticket.ts'
import type { Connection } from '../../ports/transport.ts'

/** Four of the largest tickets: what a client works on at once. */
const MAX_RIGHTS_PER_CONNECTION = 4 * MAX_TICKET_SHARDS
/** About 200 bytes each: 26 MB. */
const MAX_RIGHTS = 32 * MAX_TICKET_SHARDS

/** TICKET_READ, TICKET_WRITE or TICKET_WRITE_PARITY. */
export type TicketKind = Ticket['kind']

export interface Right {
  readonly kind: TicketKind
  /** The shard's exact length in bytes. */
  readonly length: number
  /** Unix seconds. */
  readonly notAfter: number
  /** The space that the shard belongs to. */
  readonly space: Uint8Array
  /** The first byte of its stripe's id. */
  readonly stripe: number
}

export interface TicketBook {
  /** Records a verified ticket for this connection; throws BusyError when all connections together hold too many. */
  add(connection: Connection, ticket: Ticket): void
  /** The right to do this with this shard; may have expired. */
  find(connection: Connection, kind: TicketKind, shard: Uint8Array): Right | undefined
  /** Rights held for all connections. */
  readonly size: number
}

export function createTicketBook(
  maxPerConnection: number = MAX_RIGHTS_PER_CONNECTION,
  maxTotal: number = MAX_RIGHTS,
): TicketBook {
  const byConnection = new Map<Connection, Map<string, Right>>()
  let size = 0

  function rightsOf(connection: Connection): Map<string, Right> {
    const known = byConnection.get(connection)
    if (known !== undefined) return known
    const rights = new Map<string, Right>()
    byConnection.set(connection, rights)
    void connection.closed.then(() => {
      size -= rights.size
      byConnection.delete(connection)
    })
    return rights
  }

  return {
    add(connection, ticket) {
      const rights = rightsOf(connection)
      const grows = Math.min(ticket.shards.length, Math.max(0, maxPerConnection - rights.size))
      if (size + grows > maxTotal)
        throw new BusyError('this provider holds as many tickets as it can', { size })
      for (const [shard, length, stripe] of ticket.shards) {
        const name = nameOf(ticket.kind, shard)
        const known = rights.get(name)
        const notAfter = Math.max(ticket.notAfter, known?.notAfter ?? 0)
        // Taken out and put back: a Map keeps the order of insertion, and the oldest goes first.
        if (rights.delete(name)) size--
        rights.set(name, { kind: ticket.kind, length, notAfter, space: ticket.space, stripe })
        size++
        if (rights.size <= maxPerConnection) continue
        for (const oldest of rights.keys()) {
          rights.delete(oldest)
          size--
          break
        }
      }
    },
    find: (connection, kind, shard) => byConnection.get(connection)?.get(nameOf(kind, shard)),
    get size() {
      return size
    },
  }
}

function nameOf(kind: TicketKind, shard: Uint8Array): string {
  return `${kind}${toHex(shard)}`
}
