/**
 * A tracker's folder: `format`, `lock`, `tracker.db`, `tracker.json` (where it listens), `network.json`, and three files of 32 bytes with mode
 * 0600: `log.key` and `net.key` (Ed25519 seeds), and `founding.secret` until the pool is founded. Invariants: one process has
 * it; files are replaced whole and durably; keys are made once and never replaced.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { FolderError } from '../../core/open/errors.ts'
import { MAX_FORK_PROOF_BYTES } from '../../core/open/log/heads/fork-proof.ts'
import type { Random } from '../../ports/random.ts'
import { MAX_FORK_PROOFS } from '../../tracker/log/fork-proofs.ts'
import { errnoOf } from '../../adapters/disk/disk-error.ts'
import { nodeFiles } from '../../adapters/disk/disk-files.ts'
import { readFolderFormat, writeFolderFormat } from '../../adapters/disk/folder-format.ts'
import { lockFolder } from '../../adapters/disk/folder-lock.ts'
import { readIfThere } from '../node/private-file.ts'
import type { TrackerPlace } from './tracker-place.ts'
import { encodePlace, parsePlace } from './tracker-place.ts'
import { openRoleKey, ROLE_KEY_BYTES } from '../node/role-key.ts'
import { replaceFile } from '../../adapters/disk/replace-file.ts'
import { syncFolder } from '../../adapters/disk/sync-folder.ts'

const KIND = 'tracker'
const VERSION = 1
/** Of both sorts of proofs. */
const MAX_EVIDENCE_FILES = 2 * MAX_FORK_PROOFS

export interface TrackerFolder {
  readonly database: string
  readonly logSeed: Uint8Array
  readonly netSeed: Uint8Array
  /** Undefined once the pool is founded. */
  readonly foundingSecret: Uint8Array | undefined
  /** What is remembered of the pool's network. */
  readonly network: string
  /** Where it listened last, and what it was told of the network. */
  readonly place: TrackerPlace
  savePlace(place: TrackerPlace): Promise<void>
  /** Keeps a proof that the log has two histories, durably: `evidence/<hash>.fork`. */
  saveEvidence(proof: Uint8Array): Promise<void>
  /** Those that were kept, the oldest first, at most as many as `saveEvidence` would be asked to keep. */
  evidence(): Promise<Uint8Array[]>
  /** Removes the founding secret, durably. */
  forgetFoundingSecret(): Promise<void>
  release(): void
}

/** Opens or creates a tracker's folder; throws FolderError when it is in use, of another kind or version, or damaged. */
export async function openTrackerFolder(folder: string, random: Random): Promise<TrackerFolder> {
  await fs.mkdir(folder, { recursive: true, mode: 0o700 })
  const lock = lockFolder(folder)
  const at = (name: string) => path.join(folder, name)
  try {
    const format = await readFolderFormat(nodeFiles, folder, KIND, VERSION)
    if (format === 'damaged') throw new FolderError(`the file ${at('format')} is damaged`, { folder })
    const isNew = format === 'absent'
    const openKey = (name: string) =>
      openRoleKey(at(name), random, { role: 'tracker', mayCreate: isNew, mayReplace: false })
    const logSeed = await openKey('log.key')
    const netSeed = await openKey('net.key')
    const foundingSecret = isNew ? await openKey('founding.secret') : await readIfThere(at('founding.secret'))
    // Marked last: a folder that was killed before this begins anew with what is there.
    if (isNew) await writeFolderFormat(nodeFiles, folder, KIND, VERSION)
    return {
      database: at('tracker.db'),
      logSeed,
      netSeed,
      foundingSecret: foundingSecret?.length === ROLE_KEY_BYTES ? new Uint8Array(foundingSecret) : undefined,
      network: at('network.json'),
      place: parsePlace(await readIfThere(at('tracker.json')), at('tracker.json')),
      savePlace: (place) =>
        replaceFile(nodeFiles, at('tracker.json'), Buffer.from(encodePlace(place), 'utf8')),
      async saveEvidence(proof) {
        await fs.mkdir(at('evidence'), { recursive: true, mode: 0o700 })
        const name = createHash('sha256').update(proof).digest('hex').slice(0, 32)
        await replaceFile(nodeFiles, path.join(at('evidence'), `${name}.fork`), Buffer.from(proof))
      },
      evidence: () => readEvidence(at('evidence')),
      async forgetFoundingSecret() {
        await fs.rm(at('founding.secret'), { force: true })
        await syncFolder(nodeFiles, folder)
      },
      release: () => lock.release(),
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

async function readEvidence(folder: string): Promise<Uint8Array[]> {
  let names: string[]
  try {
    names = (await fs.readdir(folder)).filter((name) => name.endsWith('.fork'))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
  const files = await Promise.all(
    names.map(async (name) => ({
      file: path.join(folder, name),
      stat: await fs.stat(path.join(folder, name)),
    })),
  )
  const kept = files
    .filter(({ stat }) => stat.size <= MAX_FORK_PROOF_BYTES)
    .sort((a, b) => a.stat.mtimeMs - b.stat.mtimeMs)
    .slice(0, MAX_EVIDENCE_FILES)
  return Promise.all(kept.map(({ file }) => fs.readFile(file)))
}
