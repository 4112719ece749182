/**
 * A node that stands alone: it carries the pool's DHT, and relays if it is told to, for pools whose other nodes are all behind NATs.
 * Its folder holds `lock`, `net.key` (0600), `network.json` and `limits.json`. It stores nothing of the pool and trusts nobody.
 */
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { lockFolder } from '../../adapters/disk/folder-lock.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import { formatAddress, parseAddress } from '../../adapters/wire/address.ts'
import { sha256PeerId } from '../../adapters/wire/peer-id.ts'
import { NotFoundError, UsageError } from '../../core/open/errors.ts'
import { formatPeerAddress, keyOfAddress, parsePeerAddress } from '../../core/open/peers/peer-address.ts'
import { toBase64Url } from '../../core/open/bytes.ts'
import type { Logger } from '../../ports/logger.ts'
import { NetworkExchange } from '../node/network/network-exchange.ts'
import type { AskedLine } from '../node/network/line-settings.ts'
import { lineOfRole } from '../node/network/line-settings.ts'
import { NodeRelay } from '../node/network/node-relay.ts'
import { listenPlace } from '../node/network/listen-place.ts'
import { openPoolNetwork } from '../node/network/pool-network.ts'
import { openRoleKey } from '../node/role-key.ts'

export interface StartNetworkNodeOptions {
  /** The node's folder, made when it isn't there. */
  readonly folder: string
  /** `host:port`; the port is the same at every start, since others know the node by it. */
  readonly listen: string
  /** `host:port` of other bootstrap nodes of the pool. */
  readonly bootstrap: readonly string[]
  /** The tracker's address, its key in it: relays ask it whom to serve. */
  readonly tracker?: string
  /** What it may move over the line, for others too; options are remembered. */
  readonly line?: AskedLine
  readonly logger: Logger
}

export interface RunningNetworkNode {
  /** `host:port` under which others bootstrap from it. */
  readonly place: string
  /** Its address with its key, by which the tracker admits it. */
  readonly address: string
  close(): Promise<void>
}

/** Starts a bootstrap node, which relays where it is told of a tracker. Throws FolderError, UsageError, UnreachableError (the port). */
export async function startNetworkNode(options: StartNetworkNodeOptions): Promise<RunningNetworkNode> {
  const { folder, listen, bootstrap, tracker, logger } = options
  const at = await listenPlace(listen)
  const { port } = parseAddress(at.udp)
  if (port === 0)
    throw new UsageError('a node that others begin with has a port of its own: --listen <host:port>')
  const target = tracker === undefined ? undefined : trackerOf(tracker)
  const undo: (() => void | Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  try {
    await fs.mkdir(folder, { recursive: true, mode: 0o700 })
    const lock = lockFolder(folder)
    undo.push(() => lock.release())
    const network = await openPoolNetwork({
      seed: await openRoleKey(path.join(folder, 'net.key'), nodeRandom, {
        role: 'node',
        mayCreate: true,
        mayReplace: false,
      }),
      mode: 'udp',
      file: path.join(folder, 'network.json'),
      listen: at.udp,
      bootstrap,
      line: await lineOfRole(folder, options.line),
      bootstrapHost: at.outside,
      ...(tracker === undefined ? {} : { tracker }),
    })
    const { transport } = network
    undo.push(() => transport.close())
    const listener = await transport.listen({
      address: at.udp,
      handler: () => Promise.reject(new NotFoundError('this node carries the network, and answers nothing')),
    })
    undo.push(() => listener.close())
    const place = formatAddress(at.outside, port)
    const address = formatPeerAddress({ udp: `${toBase64Url(transport.publicKey)}@${place}` })
    let exchange: NetworkExchange | undefined
    const relay = new NodeRelay(network, {
      admit: (key) => network.book.admits(key),
      askAgain: () => exchange?.again(),
      ...(target === undefined ? {} : { host: target.peerId }),
    })
    undo.push(() => relay.close())
    if (target !== undefined) {
      const abort = new AbortController()
      exchange = new NetworkExchange(
        {
          network,
          relay,
          address: () => address,
          dial: (signal) => transport.dial(target.address, target.peerId, { signal }),
          clock: nodeClock,
          logger,
        },
        abort.signal,
      )
      const keeping = exchange.keep()
      undo.push(async () => {
        abort.abort()
        await keeping
      })
    }
    let closing: Promise<void> | undefined
    return { place, address, close: () => (closing ??= stop()) }
  } catch (error) {
    await stop()
    throw error
  }
}

function trackerOf(address: string): { readonly address: string; readonly peerId: Uint8Array } {
  const key = keyOfAddress(parsePeerAddress(address))
  if (key === undefined)
    throw new UsageError("the tracker's address needs its key in it, as `allmend peers` shows it", {
      address,
    })
  return { address, peerId: sha256PeerId(key) }
}
