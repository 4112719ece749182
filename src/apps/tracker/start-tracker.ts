/**
 * A tracker's life: (1) its folder is locked, keys are read or made; (2) the database is opened; (3) it listens where it
 * listened last, or where it is told to, and remembers that; (4) it answers until `close`. A kill at any moment leaves a folder
 * that starts again with everything that was answered.
 */
import * as os from 'node:os'
import { FolderError } from '../../core/open/errors.ts'
import { peerId } from '../../core/open/hash.ts'
import { poolIdOf } from '../../core/open/objects/identity.ts'
import { TOKEN_FOUNDING, encodeJoinToken } from '../../core/open/join-token.ts'
import type { Logger } from '../../ports/logger.ts'
import { router } from '../../ports/rpc.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import { openSqliteTrackerStore } from '../../adapters/sqlite/sqlite-tracker-store.ts'
import { createTlsTransport } from '../../adapters/tls/tls-transport.ts'
import { createTracker } from '../../tracker/create-tracker.ts'
import type { LedgerAccess } from '../../tracker/log/tracker-ledger.ts'
import type { AnchoringIntervals, LedgerFactory } from './attach-ledger.ts'
import { attachLedger } from './attach-ledger.ts'
import { readLedgerRecord } from './ledger-record.ts'
import { openTrackerFolder } from './tracker-folder.ts'

const WITHOUT_CHAIN = 'the tracker was started without its chain'
/** All IPv4 addresses, a port of the system's choice. */
const ANYWHERE = '0.0.0.0:0'

export interface StartTrackerOptions {
  /** The tracker's folder, made when it isn't there. */
  readonly folder: string
  /** host:port; by default where it listened last, or any free port of all addresses. */
  readonly listen?: string
  /** The life of uncommitted stripes, ms; default 24 h. */
  readonly leaseMs?: number
  /** Opens what the log is anchored in; tried again until it succeeds, and never waited for. */
  readonly ledger?: LedgerFactory
  readonly anchoring?: AnchoringIntervals
  /** Hears why nothing is anchored: the ledger can't be opened, or isn't there at all in a pool that had one; `undefined` when that is over. */
  readonly onLedgerProblem?: (problem: string | undefined) => void
  readonly logger: Logger
}

export interface RunningTracker {
  /** host:port under which others on this network find it. */
  readonly address: string
  /** H("peer", net key). */
  readonly peerId: Uint8Array
  /** The pool that was founded before the start. */
  readonly poolId?: Uint8Array
  /** Lets its holder found the pool; only before it is founded. */
  readonly foundingToken?: string
  /** Stops answering and frees the folder. */
  close(): Promise<void>
}

/**
 * Starts a tracker in this process. Throws FolderError when the folder is in use or not a tracker's, UnreachableError when it
 * can't listen there: others know it by its address, so it takes no other port by itself.
 */
export async function startTracker(options: StartTrackerOptions): Promise<RunningTracker> {
  const { logger } = options
  const undo: (() => void | Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  try {
    const folder = await openTrackerFolder(options.folder, nodeRandom)
    undo.push(() => folder.release())
    const store = openSqliteTrackerStore(folder.database)
    undo.push(() => store.close())
    const genesis = store.read(({ log }) => log.entry(0)?.body)
    // A kill may have come between the founding and the removal of its secret.
    if (genesis !== undefined && folder.foundingSecret !== undefined) await folder.forgetFoundingSecret()
    const foundingSecret = genesis === undefined ? folder.foundingSecret : undefined
    if (genesis === undefined && foundingSecret === undefined)
      throw new FolderError(
        'this folder has neither a pool nor the secret to found one: is tracker.db missing?',
        {
          folder: options.folder,
        },
      )
    const pool = Promise.withResolvers<Uint8Array>()
    if (genesis !== undefined) pool.resolve(poolIdOf(nodePrimitives, genesis))
    const failed = (error: unknown) => logger.error({ why: stackOf(error) }, 'a fault of this tracker')
    let ledger: LedgerAccess | undefined
    const tracker = createTracker({
      primitives: nodePrimitives,
      clock: nodeClock,
      random: nodeRandom,
      store,
      logger,
      logSeed: folder.logSeed,
      onFounded(founded) {
        pool.resolve(founded)
        void folder.forgetFoundingSecret().catch(failed)
      },
      evidence: await folder.evidence(),
      onEvidence: (proof) => void folder.saveEvidence(proof).catch(failed),
      ledger: () => ledger,
      ...(foundingSecret === undefined ? {} : { foundingSecret }),
      ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    })
    const { log, names, capacity } = tracker.state
    const abort = new AbortController()
    const sealing = tracker.run(abort.signal)
    undo.push(async () => {
      abort.abort()
      await sealing
    })
    if (options.ledger !== undefined) {
      const attached = attachLedger({
        open: options.ledger,
        pool: pool.promise,
        log,
        names,
        capacity: capacity.relay,
        onProblem: options.onLedgerProblem,
        logger,
        clock: nodeClock,
        ...options.anchoring,
      })
      ledger = attached.access
      undo.push(() => attached.close())
    } else if ((await readLedgerRecord(options.folder)) !== undefined) {
      ledger = { ledger: undefined, problem: WITHOUT_CHAIN }
      options.onLedgerProblem?.(WITHOUT_CHAIN)
    }
    const transport = await createTlsTransport({ seed: folder.netSeed, onFault: failed })
    undo.push(() => transport.close())
    const listener = await transport.listen({
      address: options.listen ?? folder.address ?? ANYWHERE,
      handler: router(tracker.routes),
      maxBodyBytes: tracker.maxBodyBytes,
    })
    undo.push(() => listener.close())
    await folder.saveAddress(listener.address)
    const address = reachableAddress(listener.address)
    const id = peerId(nodePrimitives, transport.publicKey)
    let closing: Promise<void> | undefined
    return {
      address,
      peerId: id,
      ...(genesis === undefined ? {} : { poolId: poolIdOf(nodePrimitives, genesis) }),
      ...(foundingSecret === undefined
        ? {}
        : {
            foundingToken: encodeJoinToken({
              kind: TOKEN_FOUNDING,
              address,
              peerId: id,
              secret: foundingSecret,
            }),
          }),
      close: () => (closing ??= stop()),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What to tell others: for "every interface" the machine's first address on a network, or loopback where there is none. */
function reachableAddress(bound: string): string {
  const colon = bound.lastIndexOf(':')
  if (!['0.0.0.0', '[::]', '::', ''].includes(bound.slice(0, colon))) return bound
  const outside = Object.values(os.networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)
  return `${outside?.address ?? '127.0.0.1'}${bound.slice(colon)}`
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
