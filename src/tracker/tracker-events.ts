import { toHex } from '../core/open/bytes.ts'
import type { Logger } from '../ports/logger.ts'

/** Everything that a tracker tells its log, one function an event. */
export interface TrackerEvents {
  poolFounded(founder: Uint8Array): void
  memberAdmitted(member: Uint8Array, by: Uint8Array): void
  deviceEnrolled(member: Uint8Array, device: Uint8Array): void
  providerInvited(operator: Uint8Array, by: Uint8Array): void
  providerRegistered(provider: Uint8Array, address: string): void
  providerUp(provider: Uint8Array): void
  providerGone(provider: Uint8Array): void
  shardsDamaged(provider: Uint8Array, count: number): void
  /** A shard is read a lot from its holder. */
  copyAsked(shard: Uint8Array, holder: Uint8Array, copier: Uint8Array): void
  copyRefused(shard: Uint8Array, copier: Uint8Array): void
  /** Entries of before there was a log were taken over. */
  entriesAdopted(count: number): void
  /** One of those doesn't pass the rules and counts for nothing. */
  entryVoid(index: number): void
  sealFailed(error: unknown): void
  /** A device signed a head that the log signed for another history. */
  foreignHead(device: Uint8Array, size: number): void
  forkReported(size: number, larger: number): void
  providerAdmitted(provider: Uint8Array, block: number): void
  admissionFailed(provider: Uint8Array, error: unknown): void
  /** Providers and their capacity aren't brought to the ledger now; it is tried again after so long. */
  capacityFailed(error: unknown, retryMs: number): void
  nameRegistered(member: Uint8Array, block: number): void
  claimFailed(member: Uint8Array, error: unknown): void
  /** The store failed under the relay of names, which goes on. */
  relayFailed(error: unknown): void
}

/** Events as lines of a log. */
export function logTrackerEvents(logger: Logger): TrackerEvents {
  const short = (id: Uint8Array) => toHex(id).slice(0, 16)
  return {
    poolFounded: (founder) => logger.info({ founder: short(founder) }, 'pool founded'),
    memberAdmitted: (member, by) => logger.info({ member: short(member), by: short(by) }, 'member admitted'),
    deviceEnrolled: (member, device) =>
      logger.info({ member: short(member), device: short(device) }, 'device enrolled'),
    providerInvited: (operator, by) =>
      logger.info({ operator: short(operator), by: short(by) }, 'provider invited'),
    providerRegistered: (provider, address) =>
      logger.info({ provider: short(provider), address }, 'provider registered'),
    providerUp: (provider) => logger.info({ provider: short(provider) }, 'provider is up'),
    providerGone: (provider) => logger.warn({ provider: short(provider) }, 'provider is gone'),
    shardsDamaged: (provider, count) =>
      logger.warn({ provider: short(provider), count }, 'damaged shards reported'),
    copyAsked: (shard, holder, copier) =>
      logger.debug(
        { shard: toHex(shard), holder: short(holder), provider: short(copier) },
        'a shard is read a lot: another provider is asked for a copy',
      ),
    copyRefused: (shard, copier) =>
      logger.warn({ shard: toHex(shard), provider: short(copier) }, 'a member found a copy wrong or missing'),
    entriesAdopted: (count) => logger.info({ count }, 'the log was made from the entries of this pool'),
    entryVoid: (index) =>
      logger.warn({ index }, 'an entry fails the rules of the log and counts for nothing'),
    sealFailed: (error) => logger.error({ why: stackOf(error) }, 'no head'),
    foreignHead: (device, size) =>
      logger.error(
        { device: short(device), size },
        'a device names a signed head of another history: a fork',
      ),
    providerAdmitted: (provider, block) =>
      logger.info({ provider: short(provider), block }, 'a provider is on the ledger'),
    admissionFailed: (provider, error) =>
      logger.warn({ provider: short(provider), why: String(error) }, 'the ledger doesn’t take a provider'),
    capacityFailed: (error, retryMs) =>
      logger.warn({ why: String(error), retryMs }, 'the ledger doesn’t get the providers’ capacity'),
    nameRegistered: (member, block) =>
      logger.info({ member: short(member), block }, 'a name is on the ledger'),
    claimFailed: (member, error) =>
      logger.warn({ member: short(member), why: String(error) }, 'a name is not on the ledger'),
    relayFailed: (error) => logger.error({ why: stackOf(error) }, 'names are not relayed'),
    forkReported: (size, larger) => logger.error({ size, larger }, 'a proof of two histories was handed in'),
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
