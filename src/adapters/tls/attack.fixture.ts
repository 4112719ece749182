/** A TLS listener to attack, and what attackers need. */
import type * as net from 'node:net'
import type { Victim } from '../wire/victim.fixture.ts'
import { forkVictim } from '../wire/victim.fixture.ts'

export { ask } from '../wire/victim.fixture.ts'

/** Resolves at the event, or at the socket's end; unlike events.once, an error doesn't reject it. */
export function event(socket: net.Socket, name: string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve()
    socket.once(name, () => resolve())
    socket.once('close', () => resolve())
  })
}

/** Holds at most so many connections, where that is said. */
export function startVictim(...most: string[]): Promise<Victim> {
  return forkVictim(new URL('tls-victim.fixture.ts', import.meta.url), most)
}
