import { BusyError, FolderError } from '../../core/open/errors.ts'
import { waitForLock } from './wait-for-lock.ts'

/** Exclusive work in one folder: those of this process wait in their order, those of others by the folder's lock. */
export class FolderSection {
  readonly #folder: string
  readonly #waitMs: number
  readonly #busy: string
  readonly #prepare: () => Promise<unknown>
  #last: Promise<unknown> = Promise.resolve()

  /** Who waits for another process for longer than `waitMs` gets a BusyError that says `busy`. `prepare` sees to it that the folder is there. */
  constructor(
    folder: string,
    waitMs: number,
    busy: string,
    prepare: () => Promise<unknown> = () => Promise.resolve(),
  ) {
    this.#folder = folder
    this.#waitMs = waitMs
    this.#busy = busy
    this.#prepare = prepare
  }

  /** The section's result; throws BusyError, or what `prepare` throws. */
  run<T>(section: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(() => this.#locked(section))
    this.#last = mine.catch(() => {})
    return mine
  }

  async #locked<T>(section: () => Promise<T>): Promise<T> {
    await this.#prepare()
    let lock
    try {
      lock = await waitForLock(this.#folder, this.#waitMs)
    } catch (cause) {
      if (!(cause instanceof FolderError)) throw cause
      throw new BusyError(this.#busy, {}, { cause })
    }
    try {
      return await section()
    } finally {
      lock.release()
    }
  }
}
