import type NoiseSecretStream from '@hyperswarm/secret-stream'
import { expect, it } from 'vitest'
import { MAX_RECORD_PLAIN_BYTES } from './guards/record-guard.ts'
import { UdpLink } from './udp-link.ts'

it('says that it has taken bytes only when they may change', async () => {
  const queued: Uint8Array[] = []
  let isFull = false
  let drained = (): void => {}
  const stream: Partial<Record<keyof NoiseSecretStream, unknown>> = {
    rawStream: null,
    destroying: false,
    setTimeout: () => {},
    on(event: string, run: () => void) {
      if (event === 'drain') drained = run
    },
    write(bytes: Uint8Array) {
      queued.push(bytes)
      return !isFull
    },
  }
  const link = new UdpLink(stream as unknown as NoiseSecretStream, false)
  const taken: string[] = []
  for (const [name, bytes] of [
    ['array', new Uint8Array(1000).fill(1)],
    // Whose `slice` is no copy.
    ['buffer', Buffer.alloc(1000, 1)],
  ] as const) {
    link.write(bytes, () => {
      taken.push(name)
      bytes.fill(2)
    })
    await Promise.resolve()
  }
  expect(taken).toEqual(['array', 'buffer'])
  for (const bytes of queued) expect(bytes.every((byte) => byte === 1)).toBe(true)

  isFull = true
  link.write(Buffer.alloc(MAX_RECORD_PLAIN_BYTES + 1), () => taken.push('large'))
  await Promise.resolve()
  expect(taken).not.toContain('large')
  expect(queued.slice(2).map((bytes) => bytes.length)).toEqual([MAX_RECORD_PLAIN_BYTES, 1])
  drained()
  expect(taken).toContain('large')
})
