import { describe, expect, it } from 'vitest'
import { parseTimetable } from '../../core/open/limits/timetable.ts'
import type { Message, RequestHandler, RequestOptions } from '../../ports/transport.ts'
import type { MemoryLink } from '../memory/memory-transport-link.ts'
import { memoryLinks } from '../memory/memory-transport-link.ts'
import { LineLimits } from './line-limits.ts'
import { ManualClock } from './manual-clock.ts'
import type { SessionHostOptions } from './session-host.ts'
import { SessionHost } from './session-host.ts'
import { Session } from './session.ts'

const KIB = 1024
const EMPTY = new Uint8Array(0)
const RATE = 64 * KIB
const STEP_MS = 50
const BULK = 1
const SMALL = 2
const taken: RequestHandler = () => Promise.resolve({ head: EMPTY, body: EMPTY })

/** A node with a limited line and others without, on one clock, and what went over the line when. */
class Lab {
  readonly clock = new ManualClock()
  readonly near: Session[] = []
  readonly far: Session[] = []
  /** Bytes by step, of all connections. */
  readonly up: number[] = []
  readonly down: number[] = []
  readonly faults: unknown[] = []

  constructor(
    limits: { readonly up?: string; readonly down?: string },
    peers: number,
    handler: RequestHandler,
    nearHandler?: RequestHandler,
  ) {
    const { clock } = this
    const shared = { clock, onFault: (fault: unknown) => this.faults.push(fault) }
    const near = new SessionHost({ ...shared, line: lineOf(limits, clock) })
    for (let peer = 0; peer < peers; peer++) {
      const [a, b] = memoryLinks('192.0.2.1:1', `192.0.2.${peer + 2}:1`)
      this.#count(a, this.up)
      this.#count(b, this.down)
      const far = new SessionHost(shared)
      this.near.push(adopt(near, 100 + peer, a, nearHandler))
      this.far.push(adopt(far, 1, b, handler))
    }
  }

  #count(link: MemoryLink, steps: number[]): void {
    const write = link.write.bind(link)
    link.write = (bytes, done) => {
      const step = Math.floor(this.clock.now() / STEP_MS)
      steps[step] = (steps[step] ?? 0) + bytes.length
      write(bytes, done)
    }
  }

  /** Lets time go on until the work is done; ms that it took. */
  async take(work: Promise<unknown>, mostMs = 3_600_000): Promise<number> {
    const start = this.clock.now()
    let isDone = false
    const end = (): void => {
      isDone = true
    }
    work.then(end, end)
    for (;;) {
      for (let i = 0; i < 12; i++) await new Promise((resolve) => setImmediate(resolve))
      if (isDone) break
      if (this.clock.now() - start > mostMs) throw new Error('it takes too long')
      this.clock.advance(STEP_MS)
    }
    await work
    return this.clock.now() - start
  }
}

function lineOf({ up, down }: { up?: string; down?: string }, clock: ManualClock): LineLimits {
  return new LineLimits({
    up: up === undefined ? undefined : parseTimetable(up),
    down: down === undefined ? undefined : parseTimetable(down),
    clock,
  })
}

function adopt(host: SessionHost, peer: number, link: MemoryLink, handler?: RequestHandler): Session {
  const session = host.adopt(new Uint8Array(32).fill(peer), { handler, owner: new Set() }, () => link)
  if (!(session instanceof Session)) throw session
  return session
}

/** The most bytes a second in any ten seconds. */
function mostInTenSeconds(steps: readonly number[]): number {
  const window = 10_000 / STEP_MS
  let most = 0
  for (let from = 0; from < steps.length; from++) {
    let sum = 0
    for (let at = from; at < from + window; at++) sum += steps[at] ?? 0
    most = Math.max(most, sum)
  }
  return most / 10
}

function ask(session: Session, body: Uint8Array, options?: RequestOptions): Promise<Message> {
  return session.request(BULK, { head: EMPTY, body }, options)
}

describe('a line of 64 KiB a second', () => {
  it('sends bodies of many peers at its rate, together and alike, and nobody gives up', async () => {
    const lab = new Lab({ up: '64KiB/s' }, 6, taken)
    const ends: number[] = []
    const jobs = lab.near.flatMap((session) =>
      [0, 1, 2].map(async () => {
        await ask(session, new Uint8Array(512 * KIB))
        ends.push(lab.clock.now())
      }),
    )
    const ms = await lab.take(Promise.all(jobs))
    const fair = (18 * 512 * KIB * 1000) / RATE
    expect(Math.abs(ms / fair - 1)).toBeLessThan(0.03)
    expect(mostInTenSeconds(lab.up)).toBeLessThan(RATE * 1.1)
    expect(Math.min(...ends)).toBeGreaterThan(fair * 0.9)
    expect(lab.faults).toEqual([])
  })

  it('keeps 42 granted bodies alive, as many as three widest stripes have', async () => {
    const lab = new Lab({ up: '64KiB/s' }, 42, taken)
    const jobs = lab.near.map((session) => ask(session, new Uint8Array(96 * KIB)))
    await lab.take(Promise.all(jobs))
  })

  it('fetches answers at its rate, though each alone outlasts its time limit', async () => {
    const body = new Uint8Array(4096 * KIB)
    const lab = new Lab({ down: '64KiB/s' }, 6, () => Promise.resolve({ head: EMPTY, body }))
    const jobs = lab.near.map((session, i) =>
      ask(session, EMPTY, { timeoutMs: 20_000, ...(i % 2 === 0 ? { expectBodyBytes: body.length } : {}) }),
    )
    const ms = await lab.take(Promise.all(jobs))
    expect(Math.abs(ms / ((6 * 4096 * KIB * 1000) / RATE) - 1)).toBeLessThan(0.03)
    expect(mostInTenSeconds(lab.down)).toBeLessThan(RATE * 1.1)
  })

  it('takes in what peers send at its rate, though they have no limit', async () => {
    const lab = new Lab({ down: '64KiB/s' }, 4, taken, taken)
    const jobs = lab.far.map((session) => ask(session, new Uint8Array(1024 * KIB), { timeoutMs: 20_000 }))
    const ms = await lab.take(Promise.all(jobs))
    expect(Math.abs(ms / ((4 * 1024 * KIB * 1000) / RATE) - 1)).toBeLessThan(0.04)
    expect(mostInTenSeconds(lab.down)).toBeLessThan(RATE * 1.1)
  })

  it('serves answers at its rate, though they are accepted in advance', async () => {
    const body = new Uint8Array(1024 * KIB)
    const serve: RequestHandler = () => Promise.resolve({ head: EMPTY, body })
    const lab = new Lab({ up: '64KiB/s' }, 4, taken, serve)
    const jobs = lab.far.map((session) =>
      ask(session, EMPTY, { timeoutMs: 20_000, expectBodyBytes: body.length }),
    )
    const ms = await lab.take(Promise.all(jobs))
    expect(Math.abs(ms / ((4 * 1024 * KIB * 1000) / RATE) - 1)).toBeLessThan(0.04)
    expect(mostInTenSeconds(lab.up)).toBeLessThan(RATE * 1.1)
  })

  it('holds for many small reads and writes too', async () => {
    const body = new Uint8Array(20 * KIB)
    const lab = new Lab(
      { up: '64KiB/s', down: '64KiB/s' },
      3,
      ({ method }) => Promise.resolve({ head: EMPTY, body: method === BULK ? EMPTY : body }),
      () => Promise.resolve({ head: EMPTY, body }),
    )
    const jobs = [
      ...lab.near.flatMap((session) => Array.from({ length: 40 }, () => ask(session, body))),
      ...lab.near.flatMap((session) =>
        Array.from({ length: 40 }, () =>
          session.request(SMALL, { head: EMPTY, body: EMPTY }, { expectBodyBytes: body.length }),
        ),
      ),
      ...lab.far.flatMap((session) =>
        Array.from({ length: 20 }, () => ask(session, EMPTY, { timeoutMs: 90_000 })),
      ),
    ]
    await lab.take(Promise.all(jobs))
    expect(mostInTenSeconds(lab.up)).toBeLessThan(RATE * 1.2)
    expect(mostInTenSeconds(lab.down)).toBeLessThan(RATE * 1.2)
  })

  it('lets small messages past bodies at once', async () => {
    const lab = new Lab({ up: '64KiB/s', down: '64KiB/s' }, 2, taken)
    const bulk = lab.near.map((session) => ask(session, new Uint8Array(512 * KIB)))
    await lab.take(Promise.race([...bulk, new Promise<void>((resolve) => lab.clock.after(3000, resolve))]))
    const small = lab.near[0]!.request(SMALL, { head: new Uint8Array(1000), body: EMPTY })
    expect(await lab.take(small)).toBeLessThanOrEqual(STEP_MS)
    await lab.take(Promise.all(bulk))
  })

  it('waits for no peer that stopped: what it was sending is given up as ever', async () => {
    const lab = new Lab({ up: '64KiB/s' }, 2, () => new Promise<Message>(() => {}))
    const outcome = ask(lab.near[0]!, new Uint8Array(128 * KIB), { timeoutMs: 20_000 }).catch(
      (error: unknown) => error,
    )
    expect(await lab.take(outcome)).toBeLessThan(45_000)
    expect(await outcome).toMatchObject({ code: 'unreachable', message: 'no answer in time' })
  })

  it('gives everything back when a request is given up or a connection ends', async () => {
    const body = new Uint8Array(2048 * KIB)
    const lab = new Lab({ up: '64KiB/s', down: '64KiB/s' }, 2, () => Promise.resolve({ head: EMPTY, body }))
    const stop = new AbortController()
    const many = Array.from({ length: 20 }, () =>
      ask(lab.near[0]!, body, { signal: stop.signal, expectBodyBytes: body.length }).catch(
        (error: unknown) => error,
      ),
    )
    await lab.take(new Promise<void>((resolve) => lab.clock.after(5000, resolve)))
    stop.abort()
    await lab.take(Promise.all(many))
    // The other connection has the line for itself.
    const ms = await lab.take(ask(lab.near[1]!, EMPTY, { expectBodyBytes: body.length }))
    expect(ms).toBeLessThan((body.length / RATE) * 1000 * 1.2)
    const last = ask(lab.near[1]!, EMPTY, { expectBodyBytes: body.length }).catch((error: unknown) => error)
    await lab.take(lab.near[1]!.close())
    expect(await last).toMatchObject({ code: 'unreachable' })
    await lab.near[0]!.close()
    await lab.take(new Promise<void>((resolve) => lab.clock.after(3000, resolve)))
    expect(lab.clock.timers).toBe(0)
  })
})

it('a limit that begins and ends while bodies are under way changes their pace and nothing else', async () => {
  const clock = new ManualClock()
  let minute = 0
  const options: SessionHostOptions = {
    clock,
    line: new LineLimits({
      up: parseTimetable('00:00,off 08:00,64KiB/s 09:00,off'),
      clock,
      wall: () => new Date(2026, 0, 1, 0, minute),
    }),
  }
  const [a, b] = memoryLinks('192.0.2.1:1', '192.0.2.2:1')
  const near = adopt(new SessionHost(options), 2, a)
  adopt(new SessionHost({ clock }), 1, b, taken)
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  await ask(near, new Uint8Array(1024 * KIB))
  minute = 8 * 60
  clock.advance(2000)
  let sent = 0
  const slow = ask(near, new Uint8Array(4096 * KIB), { onSent: (bytes) => (sent = bytes) })
  for (let i = 0; i < 100; i++) {
    await settle()
    clock.advance(100)
  }
  expect(sent).toBeGreaterThan(8 * RATE)
  expect(sent).toBeLessThan(11 * RATE)
  minute = 9 * 60
  for (let i = 0; i < 20; i++) {
    await settle()
    clock.advance(100)
  }
  await slow
})
