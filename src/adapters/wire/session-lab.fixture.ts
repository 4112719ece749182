import { expect } from 'vitest'
import type { AllmendError } from '../../core/open/errors.ts'
import { MalformedError } from '../../core/open/errors.ts'
import type { FrameType } from '../../core/open/wire/frame.ts'
import { encodeFrame, FRAME, FrameDecoder } from '../../core/open/wire/frame.ts'
import { encodeRequestPayload } from '../../core/open/wire/frame-payload.ts'
import type { Message, RequestHandler } from '../../ports/transport.ts'
import type { ByteLink } from './link.ts'
import { ManualClock } from './manual-clock.ts'
import { sha256PeerId } from './peer-id.ts'
import { SessionHost } from './session-host.ts'
import { Session } from './session.ts'

export const EMPTY = new Uint8Array(0)
export const echo: RequestHandler = (request) => Promise.resolve({ head: request.head, body: request.body })
export const forever: RequestHandler = () => new Promise<Message>(() => {})

/** Lets everything run that is not waiting for the clock. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
}

export function key(n: number): Uint8Array {
  return new Uint8Array(32).fill(n)
}

/** A session with a hand-made peer: what it sends is decoded, what it gets is any bytes. */
export class Lab {
  readonly clock = new ManualClock()
  readonly host = new SessionHost({ clock: this.clock, onFault: () => {} })
  readonly sent: { type: FrameType; id: number }[] = []
  readonly session: Session
  destroyed = false

  constructor(handler: RequestHandler = forever) {
    const decoder = new FrameDecoder({
      frame: (type, id) => this.sent.push({ type, id }),
      data: () => {},
    })
    const link: ByteLink & { attach: () => void } = {
      remoteAddress: 'lab:1',
      attach: () => {},
      write(bytes, done) {
        decoder.push(bytes)
        queueMicrotask(done)
      },
      end: () => {
        this.destroyed = true
      },
      destroy: () => {
        this.destroyed = true
      },
    }
    const session = this.host.adopt(key(9), { handler, owner: new Set() }, () => link)
    if (!(session instanceof Session)) throw session
    this.session = session
  }

  send(type: FrameType, id: number, payload?: Uint8Array): this {
    this.session.receive(encodeFrame(type, id, payload))
    return this
  }

  hello(): this {
    return this.send(FRAME.hello, 0, Uint8Array.of(1))
  }

  request(id: number, body: number, head = 0, method = 1): this {
    return this.send(
      FRAME.request,
      id,
      encodeRequestPayload(method, 0, new Uint8Array(head), new Uint8Array(body)),
    )
  }

  /** Ends with a breach, and the peer is refused for a while. */
  async expectBreach(): Promise<AllmendError | undefined> {
    await settle()
    const reason = await Promise.race([this.session.closed, Promise.resolve(undefined)])
    expect(reason).toBeInstanceOf(MalformedError)
    expect(this.destroyed).toBe(true)
    expect(this.host.refused(sha256PeerId(key(9)))).toMatchObject({ code: 'denied' })
    expect(this.sent.at(-1)).toEqual({ type: FRAME.close, id: 0 })
    const { requests, responses } = this.host.accounts.shared
    expect([requests.used, responses.used]).toEqual([0, 0])
    return reason
  }
}
