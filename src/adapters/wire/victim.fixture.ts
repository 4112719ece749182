/** A listener in a process of its own that tests attack, stop or kill: both sides of it, whatever the transport. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Message, Transport } from '../../ports/transport.ts'
import type { PeerAccounts } from './peer-accounts.ts'
import { sha256PeerId } from './peer-id.ts'

/** Of everything that a request of this method does, the victim does nothing. */
const HANG = 3
const SAMPLE_MS = 5

export interface Usage {
  /** Resident bytes, at most since it was asked to `reset`. */
  readonly peak: number
  readonly connections: number
  readonly granted: number
}

export interface Victim {
  readonly child: ChildProcess
  readonly address: string
  readonly id: Uint8Array
  readonly key: Uint8Array
}

/** Starts a module that calls `serveAsVictim`. */
export async function forkVictim(module: URL, args: readonly string[]): Promise<Victim> {
  const child = fork(module, args, { execArgv: [] })
  const [hello] = (await once(child, 'message')) as [{ address: string; key: number[] }]
  const key = Uint8Array.from(hello.key)
  return { child, address: hello.address, id: sha256PeerId(key), key }
}

/** What the victim uses, and what else it tells of itself. */
export async function ask<U extends Usage = Usage>(
  child: ChildProcess,
  question: 'usage' | 'reset',
): Promise<U> {
  child.send(question)
  const [usage] = (await once(child, 'message')) as [U]
  return usage
}

/** The forked process: echoes, says what it uses, and ends with who forked it. `more` tells what else there is to tell. */
export async function serveAsVictim(
  transport: Transport & { readonly accounts: PeerAccounts; readonly publicKey: Uint8Array },
  more: () => object = () => ({}),
): Promise<void> {
  const listener = await transport.listen({
    address: '127.0.0.1:0',
    handler: (request) => {
      if (request.method === HANG) return new Promise<Message>(() => {})
      return Promise.resolve({ head: request.head, body: request.body })
    },
  })
  let peak = 0
  setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, SAMPLE_MS)
  process.on('message', (question) => {
    if (question === 'reset') peak = process.memoryUsage.rss()
    const { connections, shared } = transport.accounts
    const usage: Usage = { peak, connections, granted: shared.requests.used }
    process.send?.({ ...usage, ...more() })
  })
  process.on('disconnect', () => process.exit())
  process.send?.({ address: listener.address, key: [...transport.publicKey] })
}
