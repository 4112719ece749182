/**
 * The pool's nodes in the same LAN, found by multicast DNS: works without the internet, a tracker or a DHT. Invariants:
 * - what is found is a hint: where a key might be reached. Who dials it learns whether the key is there.
 * - strangers learn that Allmend is used, and neither the pool nor keys; nothing of a day can be linked to another day.
 */
import { networkInterfaces } from 'node:os'
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { systemClock } from '../wire/clock.ts'
import type { LanNames, LanNode } from './lan-record.ts'
import { LAN_TTL_SECONDS, decodeLanRecord, encodeLanRecord, lanNames } from './lan-record.ts'
import { LanSocket } from './lan-socket.ts'

export type { LanNode } from './lan-record.ts'

/** The port of multicast DNS. */
const MDNS_PORT = 5353
/** Questions at the start, ms, then every minute: a node that comes tells of itself. */
const FIRST_ASKS_MS = [1_000, 3_000]
const ASK_MS = 60_000
/** How often to look for interfaces that came or went: a laptop changes its network. */
const LOOK_MS = 5_000
/** Nodes that are remembered; the one not heard of for longest goes first. */
const MAX_NODES = 256

/** A node and the IPv4 address that its packets come from. */
export interface FoundNode extends LanNode {
  readonly host: string
}

export interface LanNodesOptions {
  readonly primitives: Pick<Primitives, 'sha256'>
  readonly pool: Uint8Array
  /** Unix milliseconds. */
  readonly now: () => number
  /** What this node says of itself; without it, it only looks. */
  readonly self?: LanNode
  /** Each time that a node is found, or found elsewhere. */
  readonly onNode?: (node: FoundNode) => void
  /** An interface that can't be used, each time that it is tried. */
  readonly onFailure?: (error: Error, address: string) => void
  /** Default 5353. */
  readonly port?: number
  /** IPv4 addresses of the interfaces to use; default all but loopback. */
  readonly interfaces?: () => readonly string[]
}

export class LanNodes {
  readonly #options: LanNodesOptions
  readonly #sockets = new Map<string, LanSocket>()
  /** By key, the one heard of last at the end. */
  readonly #found = new Map<string, { readonly node: FoundNode; readonly heardAt: number }>()
  readonly #cancels: (() => void)[]
  #names: LanNames

  constructor(options: LanNodesOptions) {
    this.#options = options
    this.#names = this.#namesNow()
    this.#cancels = [
      ...FIRST_ASKS_MS.map((ms) => systemClock.after(ms, () => this.ask())),
      systemClock.every(ASK_MS, () => this.ask()),
      systemClock.every(LOOK_MS, () => this.#openSockets()),
    ]
    this.#openSockets()
  }

  /** Nodes heard of in the last minutes. */
  list(): FoundNode[] {
    const oldest = systemClock.now() - 1.5 * LAN_TTL_SECONDS * 1_000
    for (const [name, { heardAt }] of this.#found) if (heardAt < oldest) this.#found.delete(name)
    return [...this.#found.values()].map(({ node }) => node)
  }

  find(key: Uint8Array): FoundNode | undefined {
    return this.list().find((node) => equalBytes(node.key, key))
  }

  /** Asks once more: answers come within a second. */
  ask(): void {
    this.#names = this.#namesNow()
    for (const socket of this.#sockets.values()) socket.ask(this.#names.now)
  }

  async close(): Promise<void> {
    for (const cancel of this.#cancels) cancel()
    const sockets = [...this.#sockets.values()]
    this.#sockets.clear()
    await Promise.all(sockets.map((socket) => socket.close()))
  }

  #namesNow(): LanNames {
    const { primitives, pool, now } = this.#options
    return lanNames(primitives, pool, now())
  }

  #openSockets(): void {
    const addresses = new Set(this.#options.interfaces?.() ?? lanAddresses())
    for (const [address, socket] of this.#sockets)
      if (!addresses.has(address)) {
        this.#sockets.delete(address)
        void socket.close()
      }
    for (const address of addresses) if (!this.#sockets.has(address)) this.#open(address)
  }

  #open(address: string): void {
    const socket = new LanSocket({
      port: this.#options.port ?? MDNS_PORT,
      address,
      answer: (name) => this.#recordFor(name),
      onRecord: (record, from) => {
        const { primitives, pool } = this.#options
        const node = decodeLanRecord(primitives, pool, this.#names.days, record)
        if (node !== undefined) this.#heard({ ...node, host: from })
      },
      onFailure: (error) => this.#options.onFailure?.(error, address),
    })
    this.#sockets.set(address, socket)
    this.#names = this.#namesNow()
    socket.ask(this.#names.now)
    const own = this.#recordFor(this.#names.now)
    if (own !== undefined) socket.tell(own)
  }

  #recordFor(asked: string) {
    const { primitives, pool, self } = this.#options
    const name = asked.toLowerCase()
    const day = this.#names.days.get(name)
    return self === undefined || day === undefined
      ? undefined
      : encodeLanRecord(primitives, pool, name, day, self)
  }

  #heard(node: FoundNode): void {
    const { self, onNode } = this.#options
    const name = toHex(node.key)
    if (self !== undefined && equalBytes(self.key, node.key)) return
    const before = this.#found.get(name)?.node
    this.#found.delete(name)
    this.#found.set(name, { node, heardAt: systemClock.now() })
    for (const oldest of this.#found.keys()) {
      if (this.#found.size <= MAX_NODES) break
      this.#found.delete(oldest)
    }
    if (before?.host !== node.host || before.udp !== node.udp || before.tls !== node.tls) onNode?.(node)
  }
}

function lanAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
}
