/**
 * A member's home: `format`, `config.json`, `keystore` (0600), `unlock.key` (0600, unattended homes only), `invites.json`
 * (0600), `device/`, `journal/`, `pins/` and `cache.db`. Invariant: `config.json` is written last, so a home that has one is whole.
 */
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { fromHex, toHex } from '../../core/open/bytes.ts'
import { ConflictError, FolderError, NotFoundError } from '../../core/open/errors.ts'
import { nodeFiles } from '../../adapters/disk/disk-files.ts'
import { readFolderFormat, writeFolderFormat } from '../../adapters/disk/folder-format.ts'
import { replaceFile } from '../../adapters/disk/replace-file.ts'
import { fileError } from '../../adapters/files/file-error.ts'
import type { HomeConfig } from './home-config.ts'
import { encodeHomeConfig, parseHomeConfig } from './home-config.ts'
import { readIfThere, writePrivateFile } from './private-file.ts'

const KIND = 'home'
const VERSION = 1
const UNLOCK_KEY_BYTES = 32

export class HomeFolder {
  readonly path: string

  private constructor(folder: string) {
    this.path = folder
  }

  /** A home that is whole; NotFoundError says how to make one. */
  static async open(folder: string): Promise<HomeFolder> {
    const home = new HomeFolder(path.resolve(folder))
    if (!(await home.isWhole()))
      throw new NotFoundError(
        `there is no home in ${home.path}: make one with \`allmend init --join <token>\`, or name another with --home`,
        { home: home.path },
      )
    await home.#checkFormat()
    return home
  }

  /** An empty or half-made home, to be filled; ConflictError when a whole one is there. */
  static async create(folder: string): Promise<HomeFolder> {
    const home = new HomeFolder(path.resolve(folder))
    if (await home.isWhole())
      throw new ConflictError(`${home.path} is a member's home already: it was left as it is`, {
        home: home.path,
      })
    try {
      await fs.mkdir(home.path, { recursive: true, mode: 0o700 })
      // A half-made home counted the operations of a device whose keys nobody will use again.
      await fs.rm(home.device, { recursive: true, force: true })
      for (const part of [home.device, home.journal]) await fs.mkdir(part, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw fileError(home.path, error)
    }
    if ((await home.#checkFormat()) === 'absent') await writeFolderFormat(nodeFiles, home.path, KIND, VERSION)
    return home
  }

  get device(): string {
    return path.join(this.path, 'device')
  }

  get pins(): string {
    return path.join(this.path, 'pins')
  }

  /** What was read, kept for times without the tracker; made when something is kept. */
  get cache(): string {
    return path.join(this.path, 'cache.db')
  }

  get journal(): string {
    return path.join(this.path, 'journal')
  }

  /** What is remembered of the pool's network. */
  get network(): string {
    return path.join(this.path, 'network.json')
  }

  get unlockKeyFile(): string {
    return path.join(this.path, 'unlock.key')
  }

  async isWhole(): Promise<boolean> {
    return (await readIfThere(this.#file('config.json'))) !== undefined
  }

  async config(): Promise<HomeConfig> {
    const file = this.#file('config.json')
    const text = await readIfThere(file)
    if (text === undefined) throw new FolderError(`${file} is missing`, { file })
    return parseHomeConfig(text.toString('utf8'), file)
  }

  async saveConfig(config: HomeConfig): Promise<void> {
    await replaceFile(nodeFiles, this.#file('config.json'), Buffer.from(encodeHomeConfig(config)))
  }

  async keystore(): Promise<Uint8Array> {
    const file = this.#file('keystore')
    const bytes = await readIfThere(file)
    if (bytes === undefined)
      throw new FolderError(`${file} is missing: \`allmend recover\` makes a new one from your 24 words`, {
        file,
      })
    return bytes
  }

  saveKeystore(bytes: Uint8Array): Promise<void> {
    return writePrivateFile(this.#file('keystore'), bytes)
  }

  /** The key of an unattended home; undefined where a passphrase is needed. */
  async unlockKey(): Promise<Uint8Array | undefined> {
    const bytes = await readIfThere(this.unlockKeyFile)
    if (bytes !== undefined && bytes.length !== UNLOCK_KEY_BYTES)
      throw new FolderError(`${this.unlockKeyFile} is damaged`, { file: this.unlockKeyFile })
    return bytes
  }

  saveUnlockKey(key: Uint8Array): Promise<void> {
    return writePrivateFile(this.unlockKeyFile, key)
  }

  /** An earlier try at making this home may have left one, which would be taken instead of the passphrase. */
  async removeUnlockKey(): Promise<void> {
    await fs.rm(this.unlockKeyFile, { force: true })
  }

  /** Secrets of member invites that nobody has come with yet. */
  async invites(): Promise<Uint8Array[]> {
    const file = this.#file('invites.json')
    const text = await readIfThere(file)
    if (text === undefined) return []
    const fail = (): never => {
      throw new FolderError(`${file} is damaged`, { file })
    }
    let parsed: unknown
    try {
      parsed = JSON.parse(text.toString('utf8'))
    } catch {
      return fail()
    }
    if (!Array.isArray(parsed)) return fail()
    return parsed.map((item) => (typeof item === 'string' ? fromHex(item) : undefined) ?? fail())
  }

  saveInvites(secrets: readonly Uint8Array[]): Promise<void> {
    return writePrivateFile(
      this.#file('invites.json'),
      `${JSON.stringify(secrets.map((secret) => toHex(secret)))}\n`,
    )
  }

  #file(name: string): string {
    return path.join(this.path, name)
  }

  async #checkFormat(): Promise<'known' | 'absent'> {
    const format = await readFolderFormat(nodeFiles, this.path, KIND, VERSION)
    if (format === 'damaged') throw new FolderError(`${this.#file('format')} is damaged`, { home: this.path })
    return format
  }
}
