import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryLinks } from '../memory/memory-transport-link.ts'
import type { MemoryLink } from '../memory/memory-transport-link.ts'
import { CancelledError, MalformedError, UnreachableError } from '../../core/open/errors.ts'
import type { FrameType } from '../../core/open/wire/frame.ts'
import { encodeFrame, FRAME } from '../../core/open/wire/frame.ts'
import {
  encodeGrantPayload,
  encodeRequestPayload,
  encodeResponsePayload,
} from '../../core/open/wire/frame-payload.ts'
import { encodeWireError } from '../../core/open/wire/wire-error.ts'
import type { IncomingRequest, Message, RequestHandler } from '../../ports/transport.ts'
import { MAX_BODY_BYTES } from '../../ports/transport.ts'
import { MAX_IDLE_FRAMES, MAX_OPEN_BYTES, MAX_OPEN_REQUESTS, TICK_MS } from './limits.ts'
import type { ByteLink } from './link.ts'
import { ManualClock } from './manual-clock.ts'
import { sha256PeerId } from './peer-id.ts'
import { SessionHost } from './session-host.ts'
import { echo, EMPTY, forever, key, Lab, settle } from './session-lab.fixture.ts'
import { Session } from './session.ts'

function adopt(host: SessionHost, peer: Uint8Array, link: MemoryLink, handler?: RequestHandler): Session {
  const session = host.adopt(peer, { handler, owner: new Set() }, () => link)
  if (!(session instanceof Session)) throw session
  return session
}

function pair(handler: RequestHandler): {
  clock: ManualClock
  near: Session
  far: Session
  links: [MemoryLink, MemoryLink]
  hosts: [SessionHost, SessionHost]
} {
  const clock = new ManualClock()
  const hosts: [SessionHost, SessionHost] = [
    new SessionHost({ clock }),
    new SessionHost({ clock, onFault: () => {} }),
  ]
  const links = memoryLinks('near:1', 'far:1')
  const near = adopt(hosts[0], key(2), links[0])
  const far = adopt(hosts[1], key(1), links[1], handler)
  return { clock, near, far, links, hosts }
}

async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= TICK_MS) {
    clock.advance(TICK_MS)
    await settle()
  }
}

describe('liveness', () => {
  it('finds a peer dead within 3 s of silence while an answer is due', async () => {
    const { clock, near, links } = pair(forever)
    await near.ready
    const failure = near.request(1, { head: EMPTY, body: EMPTY }).catch((error: unknown) => error)
    await settle()
    links[1].stalled = true
    await pass(clock, 1500)
    expect(await Promise.race([near.closed, Promise.resolve('open')])).toBe('open')
    await pass(clock, 1500)
    expect(await failure).toBeInstanceOf(UnreachableError)
    expect(await near.closed).toMatchObject({ message: 'the peer is silent' })
  })

  it('lets a peer take as long as it says that it is alive, even while our bytes are stuck', async () => {
    const answer = Promise.withResolvers<Message>()
    const { clock, near, links } = pair(() => answer.promise)
    const request = near.request(1, { head: EMPTY, body: EMPTY }, { timeoutMs: 600_000 })
    await pass(clock, 2 * TICK_MS)
    links[0].stalled = true
    await pass(clock, 60_000)
    links[0].stalled = false
    answer.resolve({ head: Uint8Array.of(5), body: EMPTY })
    expect([...(await request).head]).toEqual([5])
  })

  it('does not take its own pause for the silence of the peer', async () => {
    const answer = Promise.withResolvers<Message>()
    const { clock, near } = pair(() => answer.promise)
    const request = near.request(1, { head: EMPTY, body: EMPTY }, { timeoutMs: 600_000 })
    await settle()
    for (let i = 0; i < 8; i++) {
      clock.skip(10_000)
      await settle()
    }
    answer.resolve({ head: EMPTY, body: EMPTY })
    await request
  })

  it('finds a peer dead within a minute that takes what was said last in silence', async () => {
    const { clock, near, far, links } = pair(echo)
    await near.request(1, { head: EMPTY, body: EMPTY })
    // The answer came through; what is said after it is lost.
    links[0].write = (_bytes, done) => done()
    await pass(clock, 59_000)
    expect(await Promise.race([far.closed, Promise.resolve('open')])).toBe('open')
    await pass(clock, 2000)
    expect(await far.closed).toMatchObject({ message: 'the peer is silent' })
  })

  it('keeps a connection on which nothing is said', async () => {
    const { clock, near, far } = pair(echo)
    for (let i = 0; i < 3; i++) {
      await near.request(1, { head: EMPTY, body: EMPTY })
      await pass(clock, 90_000)
    }
    expect(await Promise.race([far.closed, near.closed, Promise.resolve('open')])).toBe('open')
    await near.request(1, { head: EMPTY, body: EMPTY })
  })

  it('leaves no timer behind once nothing is due', async () => {
    const { clock, near } = pair(echo)
    await near.request(1, { head: EMPTY, body: EMPTY })
    await pass(clock, 3000)
    expect(clock.timers).toBe(0)
  })

  it('drops a peer that stops in the middle of a granted body', async () => {
    const { clock, near, far, links, hosts } = pair(echo)
    const body = new Uint8Array(MAX_BODY_BYTES)
    const failure = near
      .request(1, { head: EMPTY, body }, { timeoutMs: 600_000 })
      .catch((error: unknown) => error)
    await near.ready
    while (hosts[1].accounts.shared.requests.used === 0) await new Promise((resolve) => setImmediate(resolve))
    links[0].stalled = true
    await pass(clock, 14_000)
    expect(hosts[1].accounts.shared.requests.used).toBe(body.length)
    await pass(clock, 2000)
    expect(await far.closed).toMatchObject({ message: 'the peer makes no progress', policy: 'retry' })
    expect(hosts[1].accounts.shared.requests.used).toBe(0)
    expect(await failure).toBeInstanceOf(UnreachableError)
  })
})

describe('windows', () => {
  it('keeps to the agreed number of unanswered requests and their bytes', async () => {
    let running = 0
    let most = 0
    const gates: (() => void)[] = []
    const { near } = pair(async (request) => {
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => gates.push(resolve))
      running--
      return { head: EMPTY, body: request.body }
    })
    // The first answer tells how large the others may be.
    const first = near.request(1, { head: EMPTY, body: EMPTY })
    await settle()
    gates.shift()?.()
    await first
    const jobs = Array.from({ length: 300 }, () => near.request(1, { head: EMPTY, body: EMPTY }))
    const large = Array.from({ length: 40 }, () =>
      near.request(1, { head: EMPTY, body: new Uint8Array(60_000) }),
    )
    await settle()
    expect(running).toBe(MAX_OPEN_REQUESTS)
    const all = Promise.all([...jobs, ...large])
    for (let answered = 0; answered < jobs.length + large.length; await settle()) {
      answered += gates.length
      gates.splice(0).forEach((open) => open())
    }
    await all
    expect(most).toBeLessThanOrEqual(MAX_OPEN_REQUESTS)
  })

  it('lets answers that wait for memory past memory that waits for answers', async () => {
    const body = new Uint8Array(MAX_BODY_BYTES / 2)
    const { near } = pair(() => Promise.resolve({ head: EMPTY, body }))
    const ask = (expectBodyBytes: number): Promise<Message> =>
      near.request(1, { head: EMPTY, body: EMPTY }, { expectBodyBytes })
    const unannounced = Array.from({ length: 16 }, () => ask(0))
    const announced = Array.from({ length: 16 }, () => ask(body.length))
    const answers = await Promise.all([...unannounced, ...announced])
    expect(answers.map((answer) => answer.body.length)).toEqual(answers.map(() => body.length))
  })

  it('cancels while a body waits for its grant, and gives the memory back', async () => {
    const gate = Promise.withResolvers<void>()
    const { near, hosts } = pair(async (request) => {
      await gate.promise
      return echo(request)
    })
    const body = new Uint8Array(4 * 1024 * 1024)
    const controllers = Array.from({ length: 8 }, () => new AbortController())
    const outcomes = controllers.map(({ signal }) =>
      near.request(1, { head: EMPTY, body }, { signal }).catch((error: unknown) => error),
    )
    await settle()
    const { requests } = hosts[1].accounts.shared
    expect(requests.used).toBe(12 * 1024 * 1024)
    for (const controller of controllers) controller.abort()
    await settle()
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toBeInstanceOf(CancelledError)
    gate.resolve()
    await settle()
    expect(requests.used).toBe(0)
    expect(hosts[1].accounts.shared.answers.used).toBe(0)
    expect((await near.request(1, { head: EMPTY, body })).body.length).toBe(body.length)
  })
})

const LARGE = 100_000
const large = (): Uint8Array => encodeResponsePayload(EMPTY, new Uint8Array(LARGE))

/** A lab whose session has sent requests 1 (small) and 2 (large, not granted). */
async function asked(): Promise<Lab> {
  const lab = new Lab().hello()
  for (const length of [0, LARGE]) {
    lab.session.request(1, { head: EMPTY, body: new Uint8Array(length) }).catch(() => {})
  }
  await settle()
  return lab
}

const BREACHES: Record<string, () => Lab | Promise<Lab>> = {
  'a frame before the greeting': () => new Lab().request(1, 0),
  'body bytes before the greeting': () => new Lab().send(FRAME.requestData, 1, Uint8Array.of(1)),
  'another version': () => new Lab().send(FRAME.hello, 0, Uint8Array.of(2)),
  'two greetings': () => new Lab().hello().hello(),
  'a request id that does not rise': () => new Lab().hello().request(2, 0).request(2, 0),
  'request id zero': () => new Lab().hello().request(0, 0),
  'a body longer than any may be': () => new Lab().hello().request(1, MAX_BODY_BYTES + 1),
  'too many unanswered requests': () => {
    const lab = new Lab().hello()
    for (let id = 1; id <= MAX_OPEN_REQUESTS + 1; id++) lab.request(id, 0)
    return lab
  },
  'too many bytes in unanswered requests': () => {
    const lab = new Lab().hello()
    for (let id = 1; id <= MAX_OPEN_BYTES / 60_000 + 1; id++) lab.request(id, 60_000)
    return lab
  },
  'body bytes without a request': () => new Lab().hello().send(FRAME.requestData, 1, Uint8Array.of(1)),
  'body bytes without a grant': () => {
    const lab = new Lab().hello()
    for (let id = 1; id <= 3; id++) lab.request(id, 8 * 1024 * 1024)
    return lab.send(FRAME.requestData, 3, new Uint8Array(1000))
  },
  'more body bytes than announced': () => {
    const lab = new Lab().hello().request(1, 65_537)
    return lab
      .send(FRAME.requestData, 1, new Uint8Array(65_536))
      .send(FRAME.requestData, 1, new Uint8Array(2))
  },
  'body bytes after the body': () => {
    const lab = new Lab().hello().request(1, 65_537).send(FRAME.requestData, 1, new Uint8Array(65_536))
    return lab.send(FRAME.requestData, 1, new Uint8Array(1)).send(FRAME.requestData, 1, new Uint8Array(1))
  },
  'a response to nothing': async () => (await asked()).send(FRAME.response, 7, large()),
  'a response before the request was whole': async () => (await asked()).send(FRAME.response, 2, large()),
  'two responses': async () =>
    (await asked()).send(FRAME.response, 1, large()).send(FRAME.response, 1, large()),
  'a response too long': async () => {
    const payload = large()
    payload[4] = 1
    return (await asked()).send(FRAME.response, 1, payload)
  },
  'response bytes before the response': async () =>
    (await asked()).send(FRAME.responseData, 1, Uint8Array.of(1)),
  'more response bytes than announced': async () => {
    const lab = (await asked())
      .send(FRAME.response, 1, large())
      .send(FRAME.responseData, 1, new Uint8Array(60_000))
    return lab.send(FRAME.responseData, 1, new Uint8Array(60_000))
  },
  'an error for nothing': async () =>
    (await asked()).send(FRAME.error, 7, encodeWireError({ code: 'x', message: '', facts: {} })),
  'an error that is none': async () => (await asked()).send(FRAME.error, 1, Uint8Array.of(200)),
  'a grant for what was never asked': async () => (await asked()).send(FRAME.grantRequest, 3),
  'a grant for an inline body': async () => (await asked()).send(FRAME.grantRequest, 1),
  'two grants': async () => (await asked()).send(FRAME.grantRequest, 2).send(FRAME.grantRequest, 2),
  'a grant beyond the body': async () =>
    (await asked()).send(FRAME.grantRequest, 2, encodeGrantPayload(LARGE + 1)),
  'a grant that takes back': async () =>
    (await asked())
      .send(FRAME.grantRequest, 2, encodeGrantPayload(50_000))
      .send(FRAME.grantRequest, 2, encodeGrantPayload(40_000)),
  'grants byte by byte': async () =>
    (await asked())
      .send(FRAME.grantRequest, 2, encodeGrantPayload(50_000))
      .send(FRAME.grantRequest, 2, encodeGrantPayload(50_001)),
  'a grant out of form': async () => (await asked()).send(FRAME.grantRequest, 2, Uint8Array.of(1, 2)),
  'a grant for an answer that is not there': () =>
    new Lab().hello().request(1, 0).send(FRAME.grantResponse, 1),
  'a grant for an answer of the future': () => new Lab().hello().send(FRAME.grantResponse, 1),
  'a cancel for what was never asked': () => new Lab().hello().send(FRAME.cancel, 1),
  'a cancel twice': async () => {
    const lab = new Lab().hello().request(1, 0)
    await settle()
    return lab.send(FRAME.cancel, 1).send(FRAME.cancel, 1)
  },
  'a flood of keepalives': () => {
    const lab = new Lab().hello()
    for (let i = 0; i <= MAX_IDLE_FRAMES; i++) lab.send(FRAME.alive, 0)
    return lab
  },
}

describe('a breach of the protocol ends the session, and the peer is refused for a while:', () => {
  for (const [name, commit] of Object.entries(BREACHES)) {
    it(name, async () => {
      await (await commit()).expectBreach()
    })
  }

  it('and is forgiven after a minute', async () => {
    const lab = new Lab().hello().hello()
    await lab.expectBreach()
    lab.clock.skip(61_000)
    expect(lab.host.refused(sha256PeerId(key(9)))).toBeUndefined()
  })
})

describe('a hostile peer', () => {
  it('makes no more handlers run than their answers may cost', async () => {
    let running = 0
    const lab = new Lab(() => {
      running++
      return new Promise<Message>(() => {})
    }).hello()
    for (let id = 1; id <= MAX_OPEN_REQUESTS; id++) lab.request(id, 0)
    await settle()
    expect(running).toBe(4)
    expect(lab.host.accounts.shared.answers.used).toBe(16 * 1024 * 1024)
  })

  it('holds no more answers than allowed by not taking them', async () => {
    let made = 0
    const lab = new Lab(() => {
      made++
      return Promise.resolve({ head: EMPTY, body: new Uint8Array(4 * 1024 * 1024) })
    }).hello()
    for (let id = 1; id <= MAX_OPEN_REQUESTS; id++) lab.request(id, 0)
    await settle()
    expect(made).toBe(4)
    await pass(lab.clock, 61_000)
    expect(await lab.session.closed).toMatchObject({ message: 'the peer does not fetch its answers' })
    expect(lab.host.accounts.shared.answers.used).toBe(0)
  })

  it('is dropped when it makes us answer without reading', async () => {
    const lab = new Lab(echo)
    const stuck: ByteLink['write'] = () => {}
    const link = { remoteAddress: 'x:1', attach: () => {}, write: stuck, end: () => {}, destroy: () => {} }
    const session = lab.host.adopt(key(8), { handler: echo, owner: new Set() }, () => link)
    if (!(session instanceof Session)) throw session
    session.receive(encodeFrame(FRAME.hello, 0, Uint8Array.of(1)))
    const seen: unknown[] = []
    void session.closed.then((reason) => seen.push(reason))
    for (let id = 1; id < 500 && seen.length === 0; id++) {
      session.receive(
        encodeFrame(FRAME.request, id, encodeRequestPayload(1, 0, EMPTY, new Uint8Array(60_000))),
      )
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(seen[0]).toBeInstanceOf(MalformedError)
  })

  it('fuzz: whatever frames it sends, nothing is thrown and all memory comes back', async () => {
    const frame = fc.record({
      type: fc.constantFrom<FrameType[]>(...Object.values(FRAME)),
      id: fc.nat(5),
      body: fc.constantFrom(0, 1, 70_000),
      bytes: fc.uint8Array({ maxLength: 20 }),
      forged: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 12 }), async (frames) => {
        const lab = new Lab((request: IncomingRequest) => echo(request)).hello()
        const own = [0, 70_000].map((length) =>
          lab.session
            .request(1, { head: EMPTY, body: new Uint8Array(length) })
            .catch((error: unknown) => error),
        )
        await Promise.resolve()
        for (const { type, id, body, bytes, forged } of frames) {
          const payloads: Partial<Record<FrameType, Uint8Array>> = {
            [FRAME.request]: encodeRequestPayload(1, body, bytes, new Uint8Array(body)),
            [FRAME.response]: encodeResponsePayload(bytes, new Uint8Array(body)),
            [FRAME.error]: encodeWireError({ code: 'busy', message: 'm', facts: {} }),
            [FRAME.grantRequest]: encodeGrantPayload(bytes.length > 10 ? undefined : bytes.length * 8000),
            [FRAME.grantResponse]: encodeGrantPayload(bytes.length > 10 ? undefined : bytes.length * 8000),
          }
          const payload = forged ? bytes : payloads[type]
          lab.session.receive(
            encodeFrame(
              type,
              id,
              payload ?? (type === FRAME.requestData ? new Uint8Array(body || 1) : EMPTY),
            ),
          )
          await Promise.resolve()
        }
        await lab.session.close()
        for (const outcome of await Promise.all(own)) expect(outcome).toBeDefined()
        await new Promise((resolve) => setImmediate(resolve))
        const { requests, responses, answers } = lab.host.accounts.shared
        expect([requests.used, responses.used, answers.used, lab.clock.timers]).toEqual([0, 0, 0, 0])
      }),
      { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
    )
  })
})
