import { describe, expect, it } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import { BusyError } from '../../core/open/errors.ts'
import type { Ticket } from '../../core/open/objects/ticket.ts'
import { TICKET_READ, TICKET_WRITE } from '../../core/open/objects/ticket.ts'
import type { Connection } from '../../ports/transport.ts'
import { createTicketBook } from './ticket-book.ts'

function fakeConnection(): Connection & { end(): Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  return {
    peerKey: seedOf('peer'),
    remoteAddress: 'memory:1',
    request: () => Promise.reject(new Error('not in this test')),
    closed: promise,
    close: () => Promise.resolve(),
    async end() {
      resolve(undefined)
      await promise
    },
  }
}

function ticket(names: readonly string[], changes: Partial<Ticket> = {}): Ticket {
  return {
    suite: 1,
    kind: TICKET_READ,
    holder: seedOf('peer'),
    provider: seedOf('provider'),
    shards: names.map((name) => [seedOf(name), 10, 3] as const),
    notAfter: 1_000,
    serial: new Uint8Array(16),
    space: seedOf('space'),
    ...changes,
  }
}

describe('ticket book', () => {
  it('finds by kind and shard, and keeps the later end', () => {
    const book = createTicketBook()
    const connection = fakeConnection()
    book.add(connection, ticket(['a'], { notAfter: 2_000 }))
    book.add(connection, ticket(['a'], { notAfter: 1_500 }))
    expect(book.find(connection, TICKET_READ, seedOf('a'))).toEqual({
      kind: TICKET_READ,
      length: 10,
      notAfter: 2_000,
      space: seedOf('space'),
      stripe: 3,
    })
    expect(book.find(connection, TICKET_WRITE, seedOf('a'))).toBeUndefined()
    expect(book.find(fakeConnection(), TICKET_READ, seedOf('a'))).toBeUndefined()
    expect(book.size).toBe(1)
  })

  it('forgets the oldest of a connection beyond its share', () => {
    const book = createTicketBook(3, 100)
    const connection = fakeConnection()
    book.add(connection, ticket(['a', 'b', 'c']))
    book.add(connection, ticket(['a', 'd']))
    expect(book.size).toBe(3)
    expect(book.find(connection, TICKET_READ, seedOf('b'))).toBeUndefined()
    for (const name of ['a', 'c', 'd']) expect(book.find(connection, TICKET_READ, seedOf(name))).toBeDefined()
  })

  it('is busy when all connections hold too much, until some end', async () => {
    const book = createTicketBook(3, 4)
    const [one, two] = [fakeConnection(), fakeConnection()]
    book.add(one, ticket(['a', 'b', 'c']))
    expect(() => book.add(two, ticket(['d', 'e']))).toThrow(BusyError)
    book.add(two, ticket(['d']))
    await one.end()
    expect(book.size).toBe(1)
    book.add(two, ticket(['e', 'f']))
    expect(book.size).toBe(3)
  })
})
