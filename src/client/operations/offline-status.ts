import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { UnreachableError } from '../../core/open/errors.ts'
import type { CacheUsage } from '../../ports/read-cache.ts'
import type { Client } from '../client.ts'

export interface OfflineStatus {
  /** Where the tracker should be, `host:port`. */
  readonly tracker: string
  /** As of when the list of spaces is, ISO 8601; absent where it was never read here. */
  readonly asOf?: string
  readonly spaces: readonly {
    /** Hexadecimal. */
    readonly id: string
    readonly name: string
    /** Until when contents can be read without the tracker, ISO 8601; absent where they can't. */
    readonly contentsUntil?: string
  }[]
  /** What this home keeps for such times. */
  readonly kept: CacheUsage
}

/**
 * What works while the tracker is away: lists and details that were read here before, and contents by the tickets that are kept.
 *
 * @throws UnreachableError where this home keeps nothing, UntrustedError where that was changed.
 *
 * @example
 * (await offlineStatus(client)).spaces // [{ id: '5f…', name: 'home', contentsUntil: '2026-12-01T10:00:00.000Z' }]
 */
export async function offlineStatus(client: Client): Promise<OfflineStatus> {
  const { reading, tracker } = client
  const { kept } = reading
  if (kept === undefined) throw reading.notKept('anything')
  const roots = await rootsOrNone(client)
  const tickets = await kept.tickets.all()
  const { time } = reading
  return {
    tracker: tracker.address,
    ...(time === undefined ? {} : { asOf: iso(time.asOf) }),
    spaces: [...roots].map(([name, { space }]) => {
      const ticket = tickets.find((one) => equalBytes(one.space, space.id))
      return {
        id: toHex(space.id),
        name,
        ...(ticket === undefined ? {} : { contentsUntil: iso(ticket.notAfter) }),
      }
    }),
    kept: await kept.records.usage(),
  }
}

async function rootsOrNone({ trees }: Client) {
  try {
    return await trees.orKept().roots()
  } catch (error) {
    if (error instanceof UnreachableError) return []
    throw error
  }
}

function iso(seconds: number): string {
  return new Date(seconds * 1_000).toISOString()
}
