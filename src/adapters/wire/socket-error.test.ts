import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { cannotConnect, cannotListen, socketReason } from './socket-error.ts'

/** What the system says when this is done. */
async function failureOf(emitter: NodeJS.EventEmitter): Promise<unknown> {
  const [error] = (await once(emitter, 'error')) as [unknown]
  return error
}

describe('what a socket was refused, in words', () => {
  it('says of a port that is taken, and of an address that another machine has, what to do', async () => {
    const first = createServer().listen(0, '127.0.0.1')
    await once(first, 'listening')
    const { port } = first.address() as AddressInfo
    const taken = await failureOf(createServer().listen(port, '127.0.0.1'))
    expect(cannotListen(`127.0.0.1:${port}`, taken)).toMatchObject({
      code: 'unreachable',
      message: `can’t listen at 127.0.0.1:${port}: another program has this port; stop that one, or take another port`,
    })
    first.close()
    // TEST-NET-3 is nobody's.
    const foreign = await failureOf(createServer().listen(7400, '203.0.113.9'))
    expect(cannotListen('203.0.113.9:7400', foreign).message).toMatch(/this machine has no such address/)
  })

  it('says why there is no connection, also for one of several addresses, and of what libraries wrap', async () => {
    const refused = await failureOf(connect(1, '127.0.0.1'))
    expect(cannotConnect('127.0.0.1:1', refused).message).toBe('cannot connect: nothing listens there')
    expect(socketReason(new AggregateError([refused]))).toBe('nothing listens there')
    expect(socketReason(new Error('the library failed', { cause: refused }))).toBe('nothing listens there')
    expect(cannotConnect('127.0.0.1:1').message).toBe('cannot connect')
  })

  it('passes on what it has no words for', () => {
    expect(socketReason(new Error('strange'))).toBe('strange')
    expect(socketReason(Object.assign(new Error(''), { code: 'ESTRANGE' }))).toBe('ESTRANGE')
    expect(socketReason('text')).toBe('text')
  })
})
