/**
 * Bounds what asking for blobs tells: who sweeps ids to learn what others store runs into the limit, and from then on every
 * blob must be uploaded blindly (docs/spec/tracker-protocol.md). Invariants:
 * - what counts are different ids that a member asked for in one space and that no commit has named, for 24 h.
 * - whether an answer may be given depends on how many ids are asked, never on which of them are there: near the limit the
 *   refusal itself would tell.
 * - a member's ids in all spaces together are bounded as well: anybody can make spaces, and each would cost the tracker memory.
 * - kept in memory: a restart forgets what was asked, and only the pool's operator restarts. Who has nothing that counts takes none.
 */
import { nameOf } from '../../core/open/bytes.ts'

export const ASKED_WINDOW_MS = 24 * 3_600_000
export const ASKED_FREE = 10_000
/** Of a space's committed blobs, in parts of a hundred. */
const ASKED_PERCENT = 5
/** In all spaces but the one that is asked about, about 100 bytes each. */
export const ASKED_ELSEWHERE = 30_000

/** Ids and when they were first asked for, oldest first. */
type Asked = Map<string, number>

export class AskedBlobs {
  readonly #byMember = new Map<string, Map<string, Asked>>()

  /** Ids that count now or did when they were looked at last, of all members. */
  get size(): number {
    let size = 0
    for (const bySpace of this.#byMember.values()) size += sizeOf(bySpace)
    return size
  }

  /**
   * Notes the ids that no commit has named, out of those asked for; false when all that are asked for could exceed the limit:
   * then nothing is noted, and nothing may be told. `committed` counts the space's blobs.
   */
  mayAsk(
    space: Uint8Array,
    member: Uint8Array,
    blobs: readonly { readonly blob: Uint8Array; readonly isCommitted: boolean }[],
    committed: number,
    now: number,
  ): boolean {
    const bySpace = this.#byMember.get(nameOf(member)) ?? new Map<string, Asked>()
    for (const asked of bySpace.values()) expire(asked, now)
    const asked: Asked = bySpace.get(nameOf(space)) ?? new Map<string, number>()
    const elsewhere = sizeOf(bySpace) - asked.size
    const fresh = new Map<string, boolean>()
    for (const { blob, isCommitted } of blobs) {
      const id = nameOf(blob)
      if (!asked.has(id)) fresh.set(id, isCommitted)
    }
    const most = ASKED_FREE + Math.floor((committed * ASKED_PERCENT) / 100)
    const isAllowed = asked.size + fresh.size <= most && elsewhere + fresh.size <= ASKED_ELSEWHERE
    if (isAllowed) for (const [id, isCommitted] of fresh) if (!isCommitted) asked.set(id, now)
    bySpace.set(nameOf(space), asked)
    this.#byMember.set(nameOf(member), bySpace)
    this.#forgetEmpty(nameOf(member), bySpace)
    return isAllowed
  }

  /** These ids were committed in this space: nobody's count holds them any longer. */
  committed(space: Uint8Array, blobs: readonly Uint8Array[]): void {
    const ids = blobs.map(nameOf)
    for (const [member, bySpace] of this.#byMember) {
      const asked = bySpace.get(nameOf(space))
      if (asked === undefined) continue
      for (const id of ids) asked.delete(id)
      this.#forgetEmpty(member, bySpace)
    }
  }

  #forgetEmpty(member: string, bySpace: Map<string, Asked>): void {
    for (const [space, asked] of bySpace) if (asked.size === 0) bySpace.delete(space)
    if (bySpace.size === 0) this.#byMember.delete(member)
  }
}

function expire(asked: Asked, now: number): void {
  for (const [id, at] of asked) {
    if (at > now - ASKED_WINDOW_MS) break
    asked.delete(id)
  }
}

function sizeOf(bySpace: ReadonlyMap<string, Asked>): number {
  let size = 0
  for (const asked of bySpace.values()) size += asked.size
  return size
}
