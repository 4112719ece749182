/**
 * Invariants: the state file is replaced whole and synced before a call returns; sections are exclusive by the system's
 * lock on the folder, which the kernel frees at any death.
 */
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import type { DeviceState, DeviceStore, PendingOperation } from '../../ports/device-store.ts'
import { errnoOf } from '../disk/disk-error.ts'
import { nodeFiles } from '../disk/disk-files.ts'
import { replaceFile } from '../disk/replace-file.ts'
import { NO_OPERATION, decodeDeviceState, encodeDeviceState } from './device-state-file.ts'
import { fileError } from './file-error.ts'
import { FolderSection } from './folder-section.ts'

const STATE_FILE = 'state'
/** A section sends one operation: two request timeouts. */
const SECTION_WAIT_MS = 60_000

export class NodeDeviceStore implements DeviceStore {
  readonly #file: string
  readonly #section: FolderSection

  /** `folder` must exist and belong to this store alone. */
  constructor(folder: string) {
    this.#file = path.join(folder, STATE_FILE)
    const busy = 'another command of this home is still sending its changes'
    this.#section = new FolderSection(folder, SECTION_WAIT_MS, busy)
  }

  async load(): Promise<DeviceState> {
    let bytes: Uint8Array
    try {
      bytes = await fs.readFile(this.#file)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return NO_OPERATION
      throw fileError(this.#file, error)
    }
    return decodeDeviceState(bytes)
  }

  async savePending(pending: PendingOperation): Promise<void> {
    await this.#save({ ...(await this.load()), pending })
  }

  saveCommitted(counter: number, prevOp: Uint8Array): Promise<void> {
    return this.#save({ counter, prevOp })
  }

  async dropPending(): Promise<void> {
    const { counter, prevOp, pending } = await this.load()
    if (pending !== undefined) await this.#save({ counter, prevOp })
  }

  exclusive<T>(section: () => Promise<T>): Promise<T> {
    return this.#section.run(section)
  }

  async #save(state: DeviceState): Promise<void> {
    try {
      await replaceFile(nodeFiles, this.#file, encodeDeviceState(state))
    } catch (error) {
      throw fileError(this.#file, error)
    }
  }
}
