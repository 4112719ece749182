/** Honest peers and a listener to attack, on one DHT of loopback. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { sha256PeerId } from '../wire/peer-id.ts'
import { createUdpNode } from './udp-node.ts'
import { UdpTransport } from './udp-transport.ts'

export interface Usage {
  /** Resident bytes, at most since it was asked to `reset`. */
  readonly peak: number
  readonly connections: number
  readonly granted: number
  readonly streams: number
  /** Microseconds of CPU since the start. */
  readonly cpu: number
}

/** A listener in a process of its own. */
export interface Victim {
  readonly child: ChildProcess
  readonly address: string
  readonly id: Uint8Array
  readonly key: Uint8Array
}

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

export async function startVictim(bootstrap: string): Promise<Victim> {
  const child = fork(new URL('udp-victim.fixture.ts', import.meta.url), [bootstrap], { execArgv: [] })
  const [hello] = (await once(child, 'message')) as [{ address: string; key: number[] }]
  const key = Uint8Array.from(hello.key)
  return { child, address: hello.address, id: sha256PeerId(key), key }
}

export async function ask(child: ChildProcess, question: 'usage' | 'reset'): Promise<Usage> {
  child.send(question)
  const [usage] = (await once(child, 'message')) as [Usage]
  return usage
}
