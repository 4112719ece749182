import { toHex } from '../core/open/bytes.ts'
import { AllmendError } from '../core/open/errors.ts'
import type { Logger } from '../ports/logger.ts'

/** Everything that a provider tells its log, one function an event. */
export interface ProviderEvents {
  shardStored(shard: Uint8Array, bytes: number): void
  shardRefused(shard: Uint8Array, error: unknown): void
  shardDamaged(shard: Uint8Array, seenBy: 'read' | 'scrub'): void
  shardMissing(shard: Uint8Array): void
  /** It can't be read while the tracker is away. */
  spaceNotKept(shard: Uint8Array, error: unknown): void
  shardsFreed(count: number): void
  freeFailed(count: number, error: unknown): void
  /** A report for the ledger that the tracker asked for. */
  signFailed(error: unknown): void
  compacted(reclaimedBytes: number): void
  maintenanceFailed(what: 'scrub' | 'compact' | 'copies', error: unknown): void
  copyKept(shard: Uint8Array, bytes: number, holder: Uint8Array): void
  copyNotKept(error: unknown): void
  copiesDropped(count: number): void
  trackerReached(address: string): void
  trackerLost(address: string, error: unknown, retryMs: number): void
  checkpointSigned(size: number): void
  /** A head wasn't signed: the log is out of reach, or doesn't follow from what this witness has seen. */
  witnessFailed(size: number, error: unknown, retryMs: number): void
  /** The log key has signed a head of `size` entries that contradicts the one of `own`: this witness signs no more. */
  logForked(size: number, own: number): void
}

/** Events as lines of a log; `id` stands in each of them. */
export function logProviderEvents(logger: Logger, id: Uint8Array): ProviderEvents {
  const provider = toHex(id).slice(0, 16)
  return {
    shardStored: (shard, bytes) => logger.debug({ provider, shard: toHex(shard), bytes }, 'shard stored'),
    shardRefused: (shard, error) =>
      logger.warn({ provider, shard: toHex(shard), ...why(error) }, 'shard refused'),
    shardDamaged: (shard, seenBy) =>
      logger.warn({ provider, shard: toHex(shard), seenBy }, 'shard is damaged: reported for repair'),
    shardMissing: (shard) =>
      logger.warn(
        { provider, shard: toHex(shard) },
        'shard that should be here is missing: reported for repair',
      ),
    spaceNotKept: (shard, error) =>
      logger.warn({ provider, shard: toHex(shard), ...why(error) }, 'the space of a shard was not kept'),
    shardsFreed: (count) => logger.info({ provider, count }, 'shards freed'),
    freeFailed: (count, error) =>
      logger.error({ provider, count, ...why(error) }, 'shards could not be freed'),
    signFailed: (error) => logger.error({ provider, ...why(error) }, 'no report for the ledger'),
    compacted: (reclaimedBytes) => logger.info({ provider, reclaimedBytes }, 'store compacted'),
    maintenanceFailed: (what, error) => logger.error({ provider, what, ...why(error) }, 'maintenance failed'),
    copyKept: (shard, bytes, holder) =>
      logger.debug(
        { provider, shard: toHex(shard), bytes, holder: toHex(holder).slice(0, 16) },
        'copy kept of a shard that is read a lot',
      ),
    copyNotKept: (error) =>
      logger[error instanceof AllmendError && error.policy === 'retry' ? 'debug' : 'warn'](
        { provider, ...why(error) },
        'copy not kept of a shard that is read a lot',
      ),
    copiesDropped: (count) => logger.debug({ provider, count }, 'copies dropped'),
    trackerReached: (address) => logger.info({ provider, address }, 'tracker reached'),
    trackerLost: (address, error, retryMs) =>
      logger.warn({ provider, address, retryMs, ...why(error) }, 'tracker out of reach'),
    checkpointSigned: (size) => logger.debug({ provider, size }, 'head of the log cosigned'),
    witnessFailed: (size, error, retryMs) =>
      logger[error instanceof AllmendError && error.policy === 'retry' ? 'debug' : 'warn'](
        { provider, size, retryMs, ...why(error) },
        'head of the log not cosigned',
      ),
    logForked: (size, own) =>
      logger.error(
        { provider, size, own },
        'the log has two histories, proven: this provider stores and serves on, and cosigns nothing any more',
      ),
  }
}

function why(error: unknown): { code: string; why: string } {
  if (error instanceof AllmendError) return { code: error.code, why: error.message }
  // An unforeseen error is a bug: its stack is what helps.
  return { code: 'internal', why: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
