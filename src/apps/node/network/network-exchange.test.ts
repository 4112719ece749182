import { expect, test } from 'vitest'
import { exchangeNetwork } from '../../../core/open/protocol/network-methods.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { Connection } from '../../../ports/transport.ts'
import { NetworkBook } from './network-book.ts'
import type { NetworkExchangeParts } from './network-exchange.ts'
import { NetworkExchange } from './network-exchange.ts'

const newcomer = new Uint8Array(32).fill(7)
const nothing = new Uint8Array(0)

/** A tracker that knows the newcomer from the second question on. */
async function parts(): Promise<{
  parts: NetworkExchangeParts
  asked: () => number
  pass: (ms: number) => void
}> {
  let [now, asked] = [0, 0]
  const connection = {
    request: () => {
      const keys = asked++ === 0 ? [] : [newcomer]
      const head = exchangeNetwork.response.encode({ version: new Uint8Array(8), peers: [], keys })
      return Promise.resolve({ head, body: nothing })
    },
    close: () => Promise.resolve(),
  } as unknown as Connection
  const book = await NetworkBook.open(undefined)
  return {
    parts: {
      network: { book, node: () => undefined, isReachable: () => true },
      relay: { key: undefined, startIfReachable: () => Promise.resolve() },
      address: () => '192.0.2.1:7',
      dial: () => Promise.resolve(connection),
      clock: { monotonic: () => now } as Clock,
      logger: { warn: expect.fail, info: expect.fail, error: expect.fail, debug: expect.fail },
    },
    asked: () => asked,
    pass: (ms) => (now += ms),
  }
}

test('who is not known is asked for out of turn, once for all that wait, and seldom', async () => {
  const { parts: all, asked, pass } = await parts()
  const exchange = new NetworkExchange(all, new AbortController().signal)
  const { book } = all.network
  await Promise.all([exchange.again(), exchange.again()])
  expect([asked(), book.admits(newcomer)]).toEqual([1, false])
  pass(999)
  await exchange.again()
  expect(asked()).toBe(1)
  pass(1)
  await exchange.again()
  expect([asked(), book.admits(newcomer)]).toEqual([2, true])
})

test('who announces and is not known is asked for, so that the next announcement counts', async () => {
  const { parts: all, asked, pass } = await parts()
  const exchange = new NetworkExchange(all, new AbortController().signal)
  const { book } = all.network
  await exchange.again()
  pass(1000)
  expect([book.mayAnnounce(newcomer), asked()]).toEqual([false, 1])
  await exchange.again()
  expect([book.mayAnnounce(newcomer), asked()]).toEqual([true, 2])
})
