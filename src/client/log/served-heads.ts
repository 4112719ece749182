import { equalBytes } from '../../core/open/bytes.ts'
import type { Checkpoint, LogIdentity } from '../../core/open/log/heads/checkpoint.ts'
import { openCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import type { ServedHead } from '../../core/open/log/heads/verify-head.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { logHead } from '../../core/open/protocol/log-methods.ts'
import type { TrackerCalls } from '../tracker.ts'

/** Heads that are remembered: what is read refers to the newest ones. */
const MAX_SERVED = 8

/** Verified heads as they were served, with the last leaf that proves the map: a pin has no leaf. */
export class ServedHeads {
  readonly #primitives: Primitives
  readonly #log: LogIdentity
  readonly #tracker: TrackerCalls
  readonly #bySize = new Map<number, ServedHead>()
  #asked: Promise<ServedHead | undefined> | undefined

  constructor(primitives: Primitives, log: LogIdentity, tracker: TrackerCalls) {
    this.#primitives = primitives
    this.#log = log
    this.#tracker = tracker
  }

  add(size: number, head: ServedHead): void {
    this.#bySize.set(size, head)
    for (const oldest of this.#bySize.keys()) {
      if (this.#bySize.size <= MAX_SERVED) break
      this.#bySize.delete(oldest)
    }
  }

  /** Undefined where the tracker serves another one by now. */
  async of({ size, root }: Checkpoint): Promise<ServedHead | undefined> {
    const known = this.#bySize.get(size)
    if (known !== undefined) return known
    // One question for all that want to know at the same time: a command begins with the head that was pinned.
    this.#asked ??= this.#ask().finally(() => (this.#asked = undefined))
    const head = await this.#asked
    if (head === undefined) return undefined
    const served = openCheckpoint(this.#primitives, this.#log, head.note)
    if (served.size !== size || !equalBytes(served.root, root)) return undefined
    this.add(size, head)
    return head
  }

  async #ask(): Promise<ServedHead | undefined> {
    return (await this.#tracker.call(logHead, { from: undefined, covers: undefined })).head
  }
}
