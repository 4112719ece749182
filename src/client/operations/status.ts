import { toHex } from '../../core/open/bytes.ts'
import { poolStatus } from '../../core/open/protocol/tracker-methods.ts'
import type { Client } from '../client.ts'
import { learnForks } from '../log/learn-forks.ts'
import type { RemoteNode } from '../tree/remote-node.ts'

export interface PoolStatus {
  readonly providers: readonly {
    /** Peer id, hexadecimal. */
    readonly id: string
    readonly name: string
    readonly state: 'up' | 'down'
    readonly pid?: number
    /** Where it takes connections, and which ways: `tls`, `udp` or `tls+udp`. */
    readonly address: string
    readonly transport: string
    /** Bytes. */
    readonly capacity: number
    readonly used: number
    readonly shards: number
    /** Of others' shards, kept while they are read a lot; not counted in what is used, nor for safety. */
    readonly copies: number
  }[]
  /** Files of this member's spaces, and their bytes. */
  readonly files: number
  readonly logicalBytes: number
  /** Bytes of their blobs, each once. */
  readonly uniqueBytes: number
  /** Bytes of all shards on providers. */
  readonly storedBytes: number
  readonly stripes: {
    readonly healthy: number
    readonly degraded: number
    readonly atRisk: number
    readonly lost: number
  }
  readonly damaged: readonly {
    readonly provider: string
    readonly shard: string
    /** When it was found, ISO 8601. */
    readonly found: string
    readonly what: 'wrong' | 'missing'
  }[]
}

/**
 * The pool's providers, what is stored and how safely.
 *
 * @throws ForkedError where the log has two histories, which this client or others have met.
 *
 * @example
 * (await status(client)).stripes // { healthy: 64, degraded: 0, atRisk: 0, lost: 0 }
 */
export async function status(client: Client): Promise<PoolStatus> {
  await learnForks(client.log)
  await client.log.requireUnforked()
  const [providers, pool] = await Promise.all([
    client.providers.list(true),
    client.tracker.call(poolStatus, {}),
  ])
  let files = 0
  let logicalBytes = 0
  const count = async (folder: RemoteNode): Promise<void> => {
    const { byName, conflicts } = await client.trees.children(folder)
    for (const node of [...byName.values(), ...conflicts])
      if (node.metadata.kind === 'folder') await count(node)
      else if (node.metadata.kind === 'file') {
        files++
        logicalBytes += node.metadata.size
      }
  }
  for (const root of (await client.trees.roots()).values()) await count(root)
  const { healthy, degraded, atRisk, lost } = pool
  return {
    providers: providers
      .map(({ id, name, up, pid, address, transport, capacity, used, shards, copies = 0 }) => ({
        id: toHex(id),
        name,
        state: up ? ('up' as const) : ('down' as const),
        ...(pid === undefined ? {} : { pid }),
        address,
        transport,
        capacity,
        used,
        shards,
        copies,
      }))
      .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })),
    files,
    logicalBytes,
    uniqueBytes: pool.uniqueBytes,
    storedBytes: pool.storedBytes,
    stripes: { healthy, degraded, atRisk, lost },
    damaged: pool.damaged.map(({ provider, shard, found, what }) => ({
      provider: toHex(provider),
      shard: toHex(shard),
      found: new Date(found).toISOString(),
      what: what === 0 ? 'wrong' : 'missing',
    })),
  }
}
