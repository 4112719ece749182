/**
 * Open files for reading, at most `limit` at a time: a store has thousands of segments, a process about a thousand
 * descriptors. Idle handles stay open until others need their place; the least recently used one goes first.
 */
import type { FileHandle } from 'node:fs/promises'
import type { DiskFiles } from './disk-files.ts'

interface Slot {
  readonly handle: Promise<FileHandle>
  users: number
}

export class HandlePool {
  readonly #files: DiskFiles
  readonly #limit: number
  /** By path; the map's order is that of last use. */
  readonly #slots = new Map<string, Slot>()
  readonly #waiting: (() => void)[] = []
  #closing = 0

  constructor(files: DiskFiles, limit: number) {
    this.#files = files
    this.#limit = limit
  }

  /** Runs `use` with the opened file; the handle is its own no longer than that. */
  async use<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    const slot = await this.#take(path)
    try {
      return await use(await slot.handle)
    } finally {
      slot.users--
      this.#waiting.shift()?.()
    }
  }

  /** Closes an idle file, to be called before it is removed. */
  async forget(path: string): Promise<void> {
    const slot = this.#slots.get(path)
    if (slot === undefined) return
    this.#slots.delete(path)
    this.#closing++
    try {
      await (await slot.handle).close()
    } finally {
      this.#closing--
      this.#waiting.shift()?.()
    }
  }

  async close(): Promise<void> {
    for (const path of this.#slots.keys()) await this.forget(path)
  }

  async #take(path: string): Promise<Slot> {
    for (;;) {
      const known = this.#slots.get(path)
      if (known !== undefined) {
        this.#slots.delete(path)
        this.#slots.set(path, known)
        known.users++
        return known
      }
      // A descriptor that is being closed is still one.
      if (this.#slots.size + this.#closing < this.#limit) return this.#open(path)
      const idle = this.#closing > 0 ? undefined : [...this.#slots].find(([, slot]) => slot.users === 0)
      if (idle === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve))
      else await this.forget(idle[0])
    }
  }

  #open(path: string): Slot {
    const slot = { handle: this.#files.open(path, 'r'), users: 1 }
    this.#slots.set(path, slot)
    // A failed open must not stay: the next user tries again. The user of this slot gets the error.
    slot.handle.catch(() => {
      if (this.#slots.get(path) === slot) this.#slots.delete(path)
    })
    return slot
  }
}
