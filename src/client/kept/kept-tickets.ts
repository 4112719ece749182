import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { AllmendError, UntrustedError } from '../../core/open/errors.ts'
import {
  MAX_OFFLINE_TICKET_SECONDS,
  offlineTicketCodec,
  signedOfflineTicketField,
} from '../../core/open/objects/offline-ticket.ts'
import type { OfflineTicket } from '../../core/open/objects/offline-ticket.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import { id } from '../../core/open/objects/suite.ts'
import { offlineTickets } from '../../core/open/protocol/tracker-methods.ts'
import { array, codec, struct, uint } from '../../core/open/schema.ts'
import type { ClientParts } from '../client-parts.ts'
import type { Tracker } from '../tracker.ts'
import type { KeptRecords } from './kept-records.ts'

/** Tickets are good for a week: those of a home that is used each day never run out, seconds. */
const RENEW_SECONDS = 24 * 3_600
const MAX_TICKETS = 256

const ticketsCodec = codec(
  'kept tickets',
  struct({
    /** Our clock, Unix seconds. */
    asked: [0, uint()],
    /** The spaces that were known then; not each has a ticket. */
    spaces: [2, array(id, MAX_TICKETS)],
    tickets: [1, array(signedOfflineTicketField, MAX_TICKETS)],
  }),
  256 * 1024,
)

export interface KeptTicket extends OfflineTicket {
  readonly signed: Signed
}

interface Loaded {
  readonly asked: number
  readonly spaces: readonly Uint8Array[]
  readonly tickets: readonly KeptTicket[]
}
const NONE: Loaded = { asked: 0, spaces: [], tickets: [] }

/** The offline tickets of this device: renewed in passing while the tracker is there, used when it isn't. */
export class KeptTickets {
  readonly #parts: Pick<ClientParts, 'primitives' | 'clock' | 'identity'>
  readonly #records: KeptRecords
  readonly #tracker: Tracker
  readonly #later: (work: () => Promise<void>) => void
  #isRenewing = false

  constructor(
    parts: Pick<ClientParts, 'primitives' | 'clock' | 'identity'>,
    records: KeptRecords,
    tracker: Tracker,
    later: (work: () => Promise<void>) => void,
  ) {
    this.#parts = parts
    this.#records = records
    this.#tracker = tracker
    this.#later = later
  }

  /** Sees to it, in passing, that there are tickets of the last day for these spaces. */
  renew(spaces: readonly Uint8Array[]): void {
    if (this.#isRenewing) return
    this.#isRenewing = true
    this.#later(async () => {
      try {
        if (await this.#isDue(spaces)) await this.#ask(spaces)
      } finally {
        this.#isRenewing = false
      }
    })
  }

  /** All that are kept and haven't run out. */
  async all(): Promise<readonly KeptTicket[]> {
    return (await this.#load()).tickets
  }

  /** The ticket for a space. */
  async of(space: Uint8Array): Promise<KeptTicket | undefined> {
    return (await this.all()).find((ticket) => equalBytes(ticket.space, space))
  }

  async #isDue(spaces: readonly Uint8Array[]): Promise<boolean> {
    const { asked, spaces: known } = await this.#loadOrNone()
    const names = new Set(known.map(toHex))
    return Math.abs(this.#now() - asked) > RENEW_SECONDS || !spaces.every((space) => names.has(toHex(space)))
  }

  /** A damaged record is replaced. */
  async #loadOrNone(): Promise<Loaded> {
    try {
      return await this.#load()
    } catch (error) {
      if (!(error instanceof AllmendError)) throw error
      return NONE
    }
  }

  async #ask(spaces: readonly Uint8Array[]): Promise<void> {
    const { tickets } = await this.#tracker.call(offlineTickets, {})
    const now = this.#now()
    for (const [space, signed] of tickets)
      if (!equalBytes(this.#open(signed).space, space))
        throw new UntrustedError('the tracker gives an offline ticket for another space')
    this.#records.save(
      [this.#records.name('tickets')],
      ticketsCodec.encode({
        asked: now,
        spaces: spaces.slice(0, MAX_TICKETS),
        tickets: tickets.map(([, signed]) => signed),
      }),
    )
  }

  async #load(): Promise<Loaded> {
    const bytes = await this.#records.load(this.#records.name('tickets'))
    if (bytes === undefined) return NONE
    const { asked, spaces, tickets } = ticketsCodec.decode(bytes)
    const now = this.#now()
    const live = tickets
      .map((signed) => ({ ...this.#open(signed), signed }))
      .filter(({ notAfter }) => notAfter >= now && notAfter <= now + MAX_OFFLINE_TICKET_SECONDS)
    return { asked, spaces, tickets: live }
  }

  /** Throws UntrustedError for a ticket that isn't the log key's, or another device's. */
  #open(signed: Signed): OfflineTicket {
    const { primitives, identity } = this.#parts
    const ticket = openSigned(
      primitives,
      'offline-ticket',
      identity.pool,
      identity.logKey,
      offlineTicketCodec,
      signed,
    )
    if (!equalBytes(ticket.holder, identity.device.netPublic))
      throw new UntrustedError("an offline ticket that is another device's")
    return ticket
  }

  #now(): number {
    return Math.floor(this.#parts.clock.now() / 1_000)
  }
}
