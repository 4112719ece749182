/**
 * What a client must never forget of the pool (SECURITY.md section 3, pins): forwards only. Hard promises of every adapter:
 * - `update` runs alone for the whole home, across processes, and returns after the new pins are on disk; a crash leaves the
 *   old or the new ones.
 * - what `requireForwards` refuses is never stored; a damaged file is an UntrustedError, never an empty start.
 * - evidence is on disk when `saveEvidence` returns, under a name of its own; nothing ever replaces it.
 */
import type { Witness } from '../core/open/log/heads/cosignature.ts'
import { equalBytes, toHex } from '../core/open/bytes.ts'
import { UntrustedError } from '../core/open/errors.ts'
import { MAX_CHANGES } from '../core/open/objects/operation.ts'
import { id, nodeId, signature } from '../core/open/objects/suite.ts'
import type { ValueOf } from '../core/open/schema.ts'
import { array, bool, struct, uint } from '../core/open/schema.ts'

/** The largest checkpoint that was verified. */
export interface PinnedHead {
  readonly size: number
  readonly root: Uint8Array
  /** The checkpoint as it was served, a note with its cosignatures. */
  readonly note: Uint8Array
  /** Root of the map that its last leaf names. */
  readonly map: Uint8Array
  /** Time of its last leaf, Unix milliseconds. */
  readonly time: number
  readonly isWitnessed: boolean
  /** When the quorum was complete, and the witnesses' median, Unix seconds; the log's own time while unwitnessed. */
  readonly confirmed: { readonly time: number; readonly median: number }
  /** Our clock when it came in, Unix seconds. */
  readonly seen: number
}

/** An operation of this device that the tracker promised to log, until log and map have shown it. */
export const ownEntryField = struct({
  /** Id of the operation. */
  operation: [0, id],
  /** As promised: place, time (Unix milliseconds) and leaf hash of the entry, and the log key's signature. */
  index: [1, uint()],
  time: [2, uint()],
  hash: [3, id],
  promise: [4, signature],
  /** Our clock when it was acknowledged, Unix milliseconds. */
  acknowledged: [5, uint()],
  space: [6, id],
  /** The nodes that it changed, and where they stand since; the parent is zeros for a space's root. */
  places: [7, array(struct({ node: [0, nodeId], parent: [1, nodeId], isDeleted: [2, bool()] }), MAX_CHANGES)],
})
export type OwnEntry = ValueOf<typeof ownEntryField>
export type OwnPlace = OwnEntry['places'][number]

export interface PinnedChain {
  readonly chainId: number
  /** 20 bytes. */
  readonly directory: Uint8Array
  readonly codeHash: Uint8Array
  /** The anchoring address, 20 bytes. */
  readonly anchor: Uint8Array
}

/** What ended trust in the tracker; only a person takes it back. */
export interface PinnedFork {
  /** Unix milliseconds. */
  readonly since: number
  readonly reason: string
  /** Where the evidence is. */
  readonly evidence: string
}

/** Witnesses changed without the quorum that this client knows: since when it has known, for `acceptWitnesses`. */
export interface PinnedNotice {
  /** Our clock, Unix seconds. */
  readonly since: number
  /** The head that named them: its size, and its note. */
  readonly size: number
  readonly note: Uint8Array
}

export interface Pins {
  readonly pool: Uint8Array
  readonly head?: PinnedHead | undefined
  readonly witnesses: readonly Witness[]
  /** The operator that runs the log, whose witnesses never count; zeros until it was named. */
  readonly tracker: Uint8Array
  readonly minimumSuite: number
  readonly chain?: PinnedChain | undefined
  /** Members that were met: the sequence number of their newest record. */
  readonly contacts: readonly { readonly member: Uint8Array; readonly seq: number }[]
  readonly spaces: readonly { readonly space: Uint8Array; readonly epoch: number }[]
  readonly own: readonly OwnEntry[]
  readonly forked?: PinnedFork | undefined
  readonly notice?: PinnedNotice | undefined
}

/** A node and its newest version that was verified. */
export interface SeenVersion {
  readonly node: Uint8Array
  readonly version: number
}

export interface PinStore {
  /** Undefined before the first `update`. */
  load(): Promise<Pins | undefined>
  /** Applies `change` to what is stored now, and stores what comes out; gives that back. */
  update(change: (pins: Pins | undefined) => Pins): Promise<Pins>
  /** Newest versions that were seen, the latest seen last; at most MAX_SEEN_VERSIONS. */
  seen(): Promise<readonly SeenVersion[]>
  /** Raises seen versions; keeps the latest seen ones. */
  see(versions: readonly SeenVersion[]): Promise<void>
  /**
   * Gives where it is, for people; `name` is a short word, the store adds what makes it unique. Past MAX_EVIDENCE_FILES or
   * MAX_EVIDENCE_BYTES of a name nothing more is kept, which it says instead: the first are worth most.
   */
  saveEvidence(name: string, bytes: Uint8Array): Promise<string>
}

/** 24 bytes each: a file that is still replaced in one go. Older ones are covered by the consistency of heads. */
export const MAX_SEEN_VERSIONS = 65_536
/** Evidence of one name: a tracker that lies at each command must not fill the disk. */
export const MAX_EVIDENCE_FILES = 64
export const MAX_EVIDENCE_BYTES = 256 * 1024 * 1024
/** Contacts and spaces that are remembered. */
export const MAX_PINNED = 4_096
/** Own operations that aren't proven yet: the client proves them long before there are so many. */
export const MAX_OWN_ENTRIES = 64

/** Throws UntrustedError for pins that take something back. */
export function requireForwards(before: Pins | undefined, after: Pins): void {
  if (before === undefined) return
  const refuse = (what: string): never => {
    throw new UntrustedError(`pins only go forwards: ${what}`)
  }
  if (!equalBytes(before.pool, after.pool)) refuse('another pool')
  if (before.head !== undefined) {
    if (after.head === undefined || after.head.size < before.head.size) refuse('a smaller head')
    else if (after.head.size === before.head.size && !equalBytes(after.head.root, before.head.root))
      refuse('another root at one size')
  }
  if (!isZero(before.tracker) && !equalBytes(before.tracker, after.tracker))
    refuse('another operator of the log')
  if (after.minimumSuite < before.minimumSuite) refuse('a lower suite')
  if (before.chain !== undefined && !sameChain(before.chain, after.chain)) refuse('another chain')
  if (before.forked !== undefined && after.forked === undefined) refuse('a fork stays known')
  const numbers = new Map<string, number>()
  for (const { member, seq } of after.contacts) numbers.set(`m${toHex(member)}`, seq)
  for (const { space, epoch } of after.spaces) numbers.set(`s${toHex(space)}`, epoch)
  const old = [
    ...before.contacts.map(({ member, seq }) => [`m${toHex(member)}`, seq] as const),
    ...before.spaces.map(({ space, epoch }) => [`s${toHex(space)}`, epoch] as const),
  ]
  for (const [name, number] of old)
    if ((numbers.get(name) ?? number) < number) refuse('an older record or epoch')
}

function sameChain(a: PinnedChain, b: PinnedChain | undefined): boolean {
  return (
    b !== undefined &&
    a.chainId === b.chainId &&
    equalBytes(a.directory, b.directory) &&
    equalBytes(a.codeHash, b.codeHash) &&
    equalBytes(a.anchor, b.anchor)
  )
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}
