/**
 * The pool's nodes in this LAN, as other places to look for a peer that isn't where it should be: without internet, or after a router has
 * given it another address. A client sends nothing before it misses somebody; on a machine whose pool is its own nobody sends anything.
 */
import type { FoundNode, LanNodes, LanNodesOptions } from '../../../adapters/mdns/lan-nodes.ts'
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import { formatUdpAddress } from '../../../adapters/udp/udp-address.ts'
import { formatAddress, parseAddress } from '../../../adapters/wire/address.ts'
import { systemClock } from '../../../adapters/wire/clock.ts'
import { isLoopback } from '../../../adapters/wire/outside-address.ts'
import { sha256PeerId } from '../../../adapters/wire/peer-id.ts'
import { equalBytes } from '../../../core/open/bytes.ts'
import {
  formatPeerAddress,
  hostPortOfAddress,
  parsePeerAddress,
} from '../../../core/open/peers/peer-address.ts'

/** How long the first search waits for an answer, ms: in a LAN they come at once. */
const FIRST_WAIT_MS = 800

/** Where a node takes connections: its listener's address, and the bound port of UDP. */
export interface LanSelf {
  readonly key: Uint8Array
  readonly address: string
  readonly udp?: number | undefined
}

export class Lan {
  readonly #options: Partial<LanNodesOptions>
  readonly #waiting = new Set<(node: FoundNode) => void>()
  readonly #stop = new AbortController()
  /** Loaded when it is needed, which is seldom. */
  #nodes: Promise<LanNodes> | undefined
  /** Monotonic ms. */
  #openedAt = 0

  constructor(options: Pick<LanNodesOptions, 'port' | 'interfaces'> = {}) {
    this.#options = options
  }

  /** Tells others where this node takes connections, from now on; one on loopback has nothing to tell. */
  tell(pool: Uint8Array, { key, address, udp }: LanSelf): void {
    if (isHere(address)) return
    const { tls } = parsePeerAddress(address)
    void this.#nodes?.then((nodes) => nodes.close())
    this.#nodes = undefined
    this.#open(pool, {
      key,
      ...(tls === undefined ? {} : { tls: parseAddress(tls).port }),
      ...(udp === undefined ? {} : { udp }),
    })
  }

  /** Where the peer that wasn't reached at `address` is in this LAN; undefined when nobody here says that it is. */
  async addressOf(pool: Uint8Array, peerId: Uint8Array, address: string): Promise<string | undefined> {
    if (isHere(address)) return undefined
    this.#open(pool, undefined)
    const isPeer = ({ key }: FoundNode) => equalBytes(sha256PeerId(key), peerId)
    const search = this.#firstOf(isPeer)
    const here = (await this.#nodes)?.list().find(isPeer)
    const node = here ?? (await search)
    if (node === undefined) return undefined
    const { key, host, tls, udp } = node
    return formatPeerAddress({
      ...(tls === undefined ? {} : { tls: formatAddress(host, tls) }),
      ...(udp === undefined ? {} : { udp: formatUdpAddress(key, [{ host, port: udp }]) }),
    })
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await (await this.#nodes)?.close()
  }

  #open(pool: Uint8Array, self: LanNodesOptions['self']): void {
    if (this.#nodes !== undefined || this.#stop.signal.aborted) return
    this.#openedAt = systemClock.now()
    const options: LanNodesOptions = {
      ...this.#options,
      primitives: nodePrimitives,
      pool,
      now: Date.now,
      ...(self === undefined ? {} : { self }),
      onNode: (node) => {
        for (const tell of this.#waiting) tell(node)
      },
    }
    this.#nodes = import('../../../adapters/mdns/lan-nodes.ts').then(({ LanNodes }) => new LanNodes(options))
  }

  /** The first node like this that tells of itself, within the time of the first search. */
  #firstOf(isWanted: (node: FoundNode) => boolean): Promise<FoundNode | undefined> {
    const { promise, resolve } = Promise.withResolvers<FoundNode | undefined>()
    const tell = (node: FoundNode): void => {
      if (isWanted(node)) resolve(node)
    }
    const end = (): void => resolve(undefined)
    this.#waiting.add(tell)
    const cancel = systemClock.after(Math.max(0, this.#openedAt + FIRST_WAIT_MS - systemClock.now()), end)
    this.#stop.signal.addEventListener('abort', end, { once: true })
    return promise.finally(() => {
      cancel()
      this.#waiting.delete(tell)
      this.#stop.signal.removeEventListener('abort', end)
    })
  }
}

function isHere(address: string): boolean {
  return isLoopback(hostPortOfAddress(address) ?? '')
}
