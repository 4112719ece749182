/**
 * A provider's folder: `format`, `lock`, `net.key` and `reporter.key` (0600, 32 bytes each), `provider.json`, `shards/` for the
 * store, `spaces.db` and `witness.db`, and now and then `copies/`, of others' shards.
 * Invariants: one process has it; every file is replaced whole and durably; keys are made once and never replaced:
 * the ledger knows one reporter of a provider.
 */
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { FolderError } from '../../core/open/errors.ts'
import type { Random } from '../../ports/random.ts'
import { nodeFiles } from '../../adapters/disk/disk-files.ts'
import { readFolderFormat, writeFolderFormat } from '../../adapters/disk/folder-format.ts'
import { lockFolder } from '../../adapters/disk/folder-lock.ts'
import { readIfThere } from '../node/private-file.ts'
import { openRoleKey } from '../node/role-key.ts'
import { replaceFile } from '../../adapters/disk/replace-file.ts'
import type { ProviderSettings } from './provider-settings.ts'
import { encodeSettings, parseSettings } from './provider-settings.ts'

const KIND = 'provider'
const VERSION = 1

export interface ProviderFolder {
  /** Where the shard store lives. */
  readonly shards: string
  /** Where copies are while there are some. */
  readonly copies: string
  /** What is remembered of the pool's network. */
  readonly network: string
  /** The witness's database: its key and what it has replayed. */
  readonly witness: string
  /** The database of the shards' spaces. */
  readonly spaces: string
  /** The net key's seed. */
  readonly netSeed: Uint8Array
  /** The secp256k1 key that signs reports for the ledger. */
  readonly reporterKey: Uint8Array
  /** As saved last; undefined before the first join. */
  settings(): ProviderSettings | undefined
  save(settings: ProviderSettings): Promise<void>
  /** Frees the folder for another process. */
  release(): void
}

/** Opens or creates a provider's folder; throws FolderError when it is in use, of another kind or version, or damaged. */
export async function openProviderFolder(folder: string, random: Random): Promise<ProviderFolder> {
  await fs.mkdir(folder, { recursive: true, mode: 0o700 })
  const lock = lockFolder(folder)
  try {
    const format = await readFolderFormat(nodeFiles, folder, KIND, VERSION)
    if (format === 'damaged')
      throw new FolderError(`the file ${path.join(folder, 'format')} is damaged`, { folder })
    const netSeed = await openRoleKey(path.join(folder, 'net.key'), random, {
      role: 'provider',
      mayCreate: format === 'absent',
      mayReplace: true,
    })
    if (format === 'absent') await writeFolderFormat(nodeFiles, folder, KIND, VERSION)
    const file = path.join(folder, 'provider.json')
    const text = await readIfThere(file)
    let settings = text === undefined ? undefined : parseSettings(text.toString('utf8'), file)
    const reporterKey = await openRoleKey(path.join(folder, 'reporter.key'), random, {
      role: 'provider',
      // Folders from before there were reports have none.
      mayCreate: settings?.reporter === undefined,
      mayReplace: false,
    })
    return {
      shards: path.join(folder, 'shards'),
      copies: path.join(folder, 'copies'),
      network: path.join(folder, 'network.json'),
      witness: path.join(folder, 'witness.db'),
      spaces: path.join(folder, 'spaces.db'),
      netSeed,
      reporterKey,
      settings: () => settings,
      async save(next) {
        await replaceFile(nodeFiles, file, Buffer.from(encodeSettings(next), 'utf8'))
        settings = next
      },
      release: () => lock.release(),
    }
  } catch (error) {
    lock.release()
    throw error
  }
}
