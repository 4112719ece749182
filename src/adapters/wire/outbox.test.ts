import { expect, test } from 'vitest'
import { FRAME } from '../../core/open/wire/frame.ts'
import { BATCH_BYTES, SILENT_TICKS, TICK_MS } from './limits.ts'
import type { ByteLink } from './link.ts'
import { ManualClock } from './manual-clock.ts'
import { Outbox } from './outbox.ts'
import { SessionHost } from './session-host.ts'
import type { Session } from './session.ts'
import { echo, key, settle } from './session-lab.fixture.ts'

/** Takes everything at once, and remembers in which buffers it came. */
class BufferLink implements ByteLink {
  readonly remoteAddress = 'link:1'
  readonly buffers = new Set<ArrayBufferLike>()
  deliver: (bytes: Uint8Array) => void = () => {}

  write(bytes: Uint8Array, done: () => void): void {
    this.buffers.add(bytes.buffer)
    this.deliver(bytes.slice())
    queueMicrotask(done)
  }

  end(): void {}
  destroy(): void {}

  /** Bytes in buffers for bulk that were not given up. */
  get kept(): number {
    return [...this.buffers].reduce(
      (sum, { byteLength }) => sum + (byteLength > BATCH_BYTES ? byteLength : 0),
      0,
    )
  }
}

const body = (id: number, bytes = 4 * BATCH_BYTES) => ({
  type: FRAME.responseData,
  id,
  bytes: new Uint8Array(bytes),
})

test('buffers for bulk serve again, until there is nothing to send for a while', async () => {
  const link = new BufferLink()
  const outbox = new Outbox(link)
  outbox.body(body(1))
  await settle()
  const { kept } = link
  expect(kept).toBeGreaterThan(0)
  outbox.body(body(2))
  await settle()
  expect(link.kept).toBe(kept)
  outbox.rest()
  expect(link.kept).toBe(0)
  outbox.body(body(3))
  await settle()
  expect(link.kept).toBe(kept)
  outbox.stop()
  expect(link.kept).toBe(0)
})

test('a connection that is open and idle keeps no buffers', async () => {
  const clock = new ManualClock()
  const links = [new BufferLink(), new BufferLink()] as const
  const sessions = links.map((link, i) => {
    const host = new SessionHost({ clock })
    return host.adopt(key(i), { handler: echo, owner: new Set() }, () =>
      Object.assign(link, { attach: () => {} }),
    ) as Session
  })
  for (const [i, link] of links.entries())
    link.deliver = (bytes) => queueMicrotask(() => sessions[1 - i]!.receive(bytes))
  const message = { head: new Uint8Array(0), body: new Uint8Array(2 * 1024 * 1024) }
  await sessions[0]!.request(1, message)
  await settle()
  expect(links.map(({ kept }) => kept > 0)).toEqual([true, true])
  for (let tick = 0; tick < SILENT_TICKS; tick++) {
    clock.advance(TICK_MS)
    await settle()
  }
  expect(links.map(({ kept }) => kept)).toEqual([0, 0])
  expect((await sessions[0]!.request(1, message)).body.length).toBe(message.body.length)
})
