/** A TLS listener to attack, and what attackers need. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type * as net from 'node:net'
import { sha256PeerId } from '../wire/peer-id.ts'

interface Usage {
  readonly peak: number
  readonly connections: number
  readonly granted: number
}

/** Resolves at the event, or at the socket's end; unlike events.once, an error doesn't reject it. */
export function event(socket: net.Socket, name: string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve()
    socket.once(name, () => resolve())
    socket.once('close', () => resolve())
  })
}

/** Holds at most so many connections, where that is said. */
export async function startVictim(...most: string[]): Promise<{
  child: ChildProcess
  address: string
  id: Uint8Array
  key: Uint8Array
}> {
  const child = fork(new URL('tls-victim.fixture.ts', import.meta.url), most, { execArgv: [] })
  const [hello] = (await once(child, 'message')) as [{ address: string; key: number[] }]
  const key = Uint8Array.from(hello.key)
  return { child, address: hello.address, id: sha256PeerId(key), key }
}

export async function ask(child: ChildProcess, question: 'usage' | 'reset'): Promise<Usage> {
  child.send(question)
  const [usage] = (await once(child, 'message')) as [Usage]
  return usage
}
