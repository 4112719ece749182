/**
 * Commits changes in the order in which they were queued, many at a time. Invariants:
 * - a change is committed after everything queued before it, so a folder always precedes its content.
 * - a change whose blobs aren't stored yet holds back what follows, never what precedes.
 */
import { MAX_CHANGES } from '../../core/open/objects/operation.ts'
import type { Client } from '../client.ts'
import { commit } from '../commit.ts'
import type { NewChange } from '../tree/node-changes.ts'
import type { Space } from '../tree/space.ts'

/** Bytes of changes in one operation: below its 4 MiB with room for its frame. */
const MAX_OPERATION_CHANGES_BYTES = 3 * 1024 * 1024
/** So many changes are worth an operation (a signature and two syncs) of their own. */
const WORTHWHILE_CHANGES = 1_024
const WORTHWHILE_BYTES = 1024 * 1024
/** A slow put commits what is ready at least this often, so that a crash costs little, ms. */
const COMMIT_EVERY_MS = 10_000

export interface QueuedChange {
  readonly change: NewChange
  /** Called when the change is committed. */
  readonly committed: () => void
}

interface Slot {
  change: QueuedChange | undefined
}

export class CommitQueue {
  readonly #client: Client
  readonly #space: Space
  readonly #slots: Slot[] = []
  #running: Promise<void> = Promise.resolve()
  #busy = false
  #lastCommit: number
  #failure: { readonly error: unknown } | undefined

  constructor(client: Client, space: Space) {
    this.#client = client
    this.#space = space
    this.#lastCommit = client.clock.monotonic()
  }

  /** Takes a place in the order; the change comes with `put`, or `drop` gives the place up. */
  reserve(): { put: (change: QueuedChange) => void; drop: () => void } {
    const slot: Slot = { change: undefined }
    this.#slots.push(slot)
    return {
      put: (change) => {
        slot.change = change
        this.#advance(false)
      },
      drop: () => {
        const at = this.#slots.indexOf(slot)
        if (at >= 0) this.#slots.splice(at, 1)
        this.#advance(false)
      },
    }
  }

  /** Throws what a commit failed with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Commits everything that is queued; every place must be filled by now. */
  async finish(): Promise<void> {
    while (this.#slots.length > 0 && this.#failure === undefined) {
      this.#advance(true)
      await this.#running
      if (this.#slots.length > 0 && this.#slots[0]!.change === undefined)
        throw new Error('a change was queued and never filled')
    }
    await this.#running
    this.check()
  }

  /** Waits for the commit that is under way. */
  async settle(): Promise<void> {
    await this.#running
  }

  #advance(all: boolean): void {
    if (this.#busy || this.#failure !== undefined) return
    const batch = this.#ready()
    if (batch.length === 0) return
    const bytes = batch.reduce((sum, { change }) => sum + change.encoded.length, 0)
    const due = this.#client.clock.monotonic() - this.#lastCommit >= COMMIT_EVERY_MS
    if (!all && !due && batch.length < WORTHWHILE_CHANGES && bytes < WORTHWHILE_BYTES) return
    this.#busy = true
    this.#running = this.#commit(batch)
  }

  #ready(): QueuedChange[] {
    const batch: QueuedChange[] = []
    let bytes = 0
    for (const { change: queued } of this.#slots) {
      if (queued === undefined || batch.length >= MAX_CHANGES) break
      bytes += queued.change.encoded.length
      if (batch.length > 0 && bytes > MAX_OPERATION_CHANGES_BYTES) break
      batch.push(queued)
    }
    return batch
  }

  async #commit(batch: readonly QueuedChange[]): Promise<void> {
    try {
      await commit(
        this.#client,
        this.#space,
        batch.map(({ change }) => change),
      )
      this.#slots.splice(0, batch.length)
      this.#lastCommit = this.#client.clock.monotonic()
      for (const { committed } of batch) committed()
    } catch (error) {
      this.#failure = { error }
    } finally {
      this.#busy = false
    }
    this.#advance(false)
  }
}
