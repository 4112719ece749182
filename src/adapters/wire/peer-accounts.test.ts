import { beforeEach, describe, expect, it } from 'vitest'
import { wireLimits } from './limits.ts'
import { ManualClock } from './manual-clock.ts'
import type { HeldSession } from './peer-accounts.ts'
import { PeerAccounts } from './peer-accounts.ts'

let accounts: PeerAccounts
let closed: string[]
beforeEach(() => {
  accounts = new PeerAccounts(wireLimits({ connections: 4 }), new ManualClock())
  closed = []
})

/** A connection of the peer `name` from `host`; whether it was let in. */
function connect(name: number, host: string, more: Partial<HeldSession> = {}): boolean {
  const peerId = new Uint8Array(32).fill(name)
  const account = accounts.open(peerId)
  if (account === undefined) return false
  const session: HeldSession = {
    remoteAddress: `${host}:${1000 + name}`,
    isIdle: true,
    heardAt: name,
    close() {
      closed.push(session.remoteAddress)
      accounts.close(peerId, session)
      return Promise.resolve()
    },
    ...more,
  }
  account.sessions.add(session)
  return true
}

describe('when there are no more connections', () => {
  it('the address that has most gives up the one that was silent for longest', () => {
    for (const [name, host] of [
      [4, 'a'],
      [1, 'b'],
      [3, 'a'],
      [2, 'a'],
    ] as const)
      connect(name, host)
    expect(connect(5, 'c')).toBe(true)
    expect(closed).toEqual(['a:1002'])
    expect(connect(6, 'a')).toBe(true)
    expect(closed).toEqual(['a:1002', 'a:1003'])
    expect(accounts.connections).toBe(4)
  })

  it('one on which something is under way is kept', () => {
    for (const name of [1, 2, 3]) connect(name, 'a', { isIdle: false })
    connect(4, 'b')
    expect(connect(5, 'c')).toBe(true)
    expect(closed).toEqual(['b:1004'])
    connect(6, 'c', { isIdle: false })
    for (const name of [7, 8]) connect(name, 'd', { isIdle: false })
    expect(connect(9, 'e')).toBe(false)
    expect(accounts.connections).toBe(4)
  })
})
