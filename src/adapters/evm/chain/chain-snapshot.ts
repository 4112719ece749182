/**
 * A dump of the engine at some block, so that a start doesn't execute all of them (docs/spec/chain-journal.md). It saves time and
 * nothing else: one that is damaged, too new or of another engine is ignored. Replaced by temporary file, sync and rename.
 *
 * "ALMSNAP1", block number (8 bytes, big-endian), its hash (32), SHA-256 of these 48 bytes and the dump (32), dump.
 */
import { Buffer } from 'node:buffer'
import * as crypto from 'node:crypto'
import * as path from 'node:path'
import { errnoOf } from '../../disk/disk-error.ts'
import type { DiskFiles } from '../../disk/disk-files.ts'
import { replaceFile } from '../../disk/replace-file.ts'
import type { BlockRef } from '../../../ports/ledger-chain.ts'

const SNAPSHOT_FILE = 'snapshot'
const MAGIC = Buffer.from('ALMSNAP1', 'latin1')
const SEALED_BYTES = 48
const HEAD_BYTES = 80

export interface ChainSnapshot extends BlockRef {
  readonly dump: Uint8Array
}

export async function writeSnapshot(
  files: DiskFiles,
  folder: string,
  snapshot: ChainSnapshot,
): Promise<void> {
  const sealed = Buffer.alloc(SEALED_BYTES)
  sealed.set(MAGIC, 0)
  sealed.writeBigUInt64BE(BigInt(snapshot.number), 8)
  sealed.set(snapshot.hash, 16)
  const file = Buffer.concat([sealed, digest(sealed, snapshot.dump), snapshot.dump])
  await replaceFile(files, path.join(folder, SNAPSHOT_FILE), file)
}

/** The snapshot, or undefined when there is none that can be used. */
export async function readSnapshot(files: DiskFiles, folder: string): Promise<ChainSnapshot | undefined> {
  let file: Buffer
  try {
    file = await files.readFile(path.join(folder, SNAPSHOT_FILE))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  return decodeSnapshot(file)
}

export function decodeSnapshot(file: Buffer): ChainSnapshot | undefined {
  if (file.length < HEAD_BYTES || !file.subarray(0, 8).equals(MAGIC)) return undefined
  const dump = file.subarray(HEAD_BYTES)
  if (!file.subarray(SEALED_BYTES, HEAD_BYTES).equals(digest(file.subarray(0, SEALED_BYTES), dump)))
    return undefined
  const number = file.readBigUInt64BE(8)
  if (number > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  return { number: Number(number), hash: Uint8Array.from(file.subarray(16, SEALED_BYTES)), dump }
}

function digest(sealed: Uint8Array, dump: Uint8Array): Buffer {
  return crypto.createHash('sha256').update(sealed).update(dump).digest()
}
