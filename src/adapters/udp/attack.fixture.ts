/** Honest peers and a listener to attack, on one DHT of loopback. */
import type { ChildProcess } from 'node:child_process'
import { hash } from 'node:crypto'
import type { Usage, Victim } from '../wire/victim.fixture.ts'
import { ask as askVictim, forkVictim } from '../wire/victim.fixture.ts'
import { createUdpNode } from './udp-node.ts'
import { UdpTransport } from './udp-transport.ts'

/** What a victim tells of its UDP. */
export interface UdpUsage extends Usage {
  readonly streams: number
  /** Microseconds of CPU since the start. */
  readonly cpu: number
}

export type { Victim } from '../wire/victim.fixture.ts'

export function seedOf(name: string): Buffer {
  return hash('sha256', name, 'buffer')
}

export async function startTransport(name: string, bootstrap: string): Promise<UdpTransport> {
  const node = await createUdpNode({
    seed: seedOf(name),
    host: '127.0.0.1',
    bootstrap: [bootstrap],
    reachable: true,
  })
  return new UdpTransport(node, { onFault: () => {} })
}

export async function endTransport(transport: UdpTransport): Promise<void> {
  await transport.close()
  await transport.node.close()
}

export function startVictim(bootstrap: string): Promise<Victim> {
  return forkVictim(new URL('udp-victim.fixture.ts', import.meta.url), [bootstrap])
}

export function ask(child: ChildProcess, question: 'usage' | 'reset'): Promise<UdpUsage> {
  return askVictim(child, question)
}
