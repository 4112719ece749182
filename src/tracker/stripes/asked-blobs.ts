/**
 * Bounds what asking for blobs tells: who sweeps ids to learn what others store runs into the limit, and from then on every
 * blob must be uploaded blindly (docs/spec/tracker-protocol.md). Invariants:
 * - what counts are different ids that a member asked for in one space and that no commit has named, for 24 h.
 * - whether an answer may be given depends on how many ids are asked, never on which of them are there: near the limit the
 *   refusal itself would tell.
 * - kept in memory: a restart forgets what was asked, and only the pool's operator restarts.
 */
import { toHex } from '../../core/open/bytes.ts'

export const ASKED_WINDOW_MS = 24 * 3_600_000
export const ASKED_FREE = 10_000
/** Of a space's committed blobs, in parts of a hundred. */
const ASKED_PERCENT = 5

export class AskedBlobs {
  /** By space and member: ids and when they were first asked for, oldest first. */
  readonly #asked = new Map<string, Map<string, Map<string, number>>>()

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
    const bySpace = this.#entry(this.#asked, toHex(space), () => new Map<string, Map<string, number>>())
    const asked = this.#entry(bySpace, toHex(member), () => new Map<string, number>())
    for (const [id, at] of asked) {
      if (at > now - ASKED_WINDOW_MS) break
      asked.delete(id)
    }
    const fresh = new Map<string, boolean>()
    for (const { blob, isCommitted } of blobs) {
      const id = toHex(blob)
      if (!asked.has(id)) fresh.set(id, isCommitted)
    }
    if (asked.size + fresh.size > ASKED_FREE + Math.floor((committed * ASKED_PERCENT) / 100)) return false
    for (const [id, isCommitted] of fresh) if (!isCommitted) asked.set(id, now)
    return true
  }

  /** These ids were committed in this space: nobody's count holds them any longer. */
  committed(space: Uint8Array, blobs: readonly Uint8Array[]): void {
    const bySpace = this.#asked.get(toHex(space))
    if (bySpace === undefined) return
    for (const blob of blobs) {
      const id = toHex(blob)
      for (const asked of bySpace.values()) asked.delete(id)
    }
  }

  #entry<V>(map: Map<string, V>, key: string, make: () => V): V {
    let value = map.get(key)
    if (value === undefined) {
      value = make()
      map.set(key, value)
    }
    return value
  }
}
