/**
 * Invariants: both files are replaced whole and synced before a call returns; updates are exclusive by the system's lock on the
 * folder; evidence is written once under a name that no other file has, and is never replaced.
 */
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { toHex } from '../../core/open/bytes.ts'
import type { Pins, PinStore, SeenVersion } from '../../ports/pin-store.ts'
import {
  MAX_EVIDENCE_BYTES,
  MAX_EVIDENCE_FILES,
  MAX_SEEN_VERSIONS,
  requireForwards,
} from '../../ports/pin-store.ts'
import { errnoOf } from '../disk/disk-error.ts'
import { nodeFiles } from '../disk/disk-files.ts'
import { replaceFile } from '../disk/replace-file.ts'
import { fileError } from './file-error.ts'
import { decodePins, decodeSeen, encodePins, encodeSeen } from './pins-file.ts'
import { FolderSection } from './folder-section.ts'

const PINS_FILE = 'pins'
const SEEN_FILE = 'seen'
const EVIDENCE_FOLDER = 'evidence'
/** Updates take milliseconds. */
const UPDATE_WAIT_MS = 30_000

async function bytesIn(folder: string, prefix: string): Promise<number> {
  const names = (await fs.readdir(folder)).filter((name) => name.startsWith(prefix))
  const sizes = await Promise.all(names.map(async (name) => (await fs.stat(path.join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** What people are told instead of a file. */
function fullOf(folder: string, name: string): string {
  return `${folder} is full of earlier evidence (${name}-1 and on), so this was not kept`
}

export class NodePinStore implements PinStore {
  readonly #folder: string
  readonly #section: FolderSection

  /** `folder` belongs to this store alone; it is made when it isn't there. */
  constructor(folder: string) {
    this.#folder = folder
    const busy = "another command of this home holds the pool's pins"
    this.#section = new FolderSection(folder, UPDATE_WAIT_MS, busy, () => this.#make())
  }

  async load(): Promise<Pins | undefined> {
    const bytes = await this.#read(PINS_FILE)
    return bytes === undefined ? undefined : decodePins(bytes)
  }

  update(change: (pins: Pins | undefined) => Pins): Promise<Pins> {
    return this.#section.run(async () => {
      const before = await this.load()
      const after = change(before)
      requireForwards(before, after)
      if (after !== before) await this.#replace(PINS_FILE, encodePins(after))
      return after
    })
  }

  async seen(): Promise<readonly SeenVersion[]> {
    const bytes = await this.#read(SEEN_FILE)
    return bytes === undefined ? [] : decodeSeen(bytes)
  }

  see(versions: readonly SeenVersion[]): Promise<void> {
    return this.#section.run(async () => {
      const all = new Map((await this.seen()).map((item) => [toHex(item.node), item]))
      let isNews = false
      for (const item of versions) {
        const name = toHex(item.node)
        const known = all.get(name)
        if (known !== undefined && known.version >= item.version) continue
        isNews = true
        all.delete(name)
        all.set(name, item)
      }
      if (isNews) await this.#replace(SEEN_FILE, encodeSeen([...all.values()].slice(-MAX_SEEN_VERSIONS)))
    })
  }

  async saveEvidence(name: string, bytes: Uint8Array): Promise<string> {
    const folder = path.join(this.#folder, EVIDENCE_FOLDER)
    try {
      await fs.mkdir(folder, { recursive: true, mode: 0o700 })
      if ((await bytesIn(folder, `${name}-`)) + bytes.length > MAX_EVIDENCE_BYTES) return fullOf(folder, name)
      for (let number = 1; number <= MAX_EVIDENCE_FILES; number++) {
        const file = path.join(folder, `${name}-${number}`)
        try {
          // Takes the name: two commands may find the same fork at the same time.
          await (await fs.open(file, 'wx', 0o600)).close()
        } catch (error) {
          if (errnoOf(error) === 'EEXIST') continue
          throw error
        }
        await replaceFile(nodeFiles, file, bytes)
        return file
      }
      return fullOf(folder, name)
    } catch (error) {
      throw fileError(folder, error)
    }
  }

  async #read(name: string): Promise<Uint8Array | undefined> {
    const file = path.join(this.#folder, name)
    try {
      return await fs.readFile(file)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw fileError(file, error)
    }
  }

  async #replace(name: string, bytes: Uint8Array): Promise<void> {
    const file = path.join(this.#folder, name)
    try {
      await replaceFile(nodeFiles, file, bytes)
    } catch (error) {
      throw fileError(file, error)
    }
  }

  async #make(): Promise<void> {
    try {
      await fs.mkdir(this.#folder, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw fileError(this.#folder, error)
    }
  }
}
