/** `ledger.json` in a tracker's folder: which contracts are this pool's, and where their chain is asked. Written once they are deployed. */
import * as path from 'node:path'
import { toHex } from '../../core/open/bytes.ts'
import { nodeFiles } from '../../adapters/disk/disk-files.ts'
import { replaceFile } from '../../adapters/disk/replace-file.ts'
import type { LedgerBinding } from '../../ports/ledger-chain.ts'
import { JsonRecord } from '../node/json-record.ts'
import { readIfThere } from '../node/private-file.ts'

/** A node that is asked by JSON-RPC, and the file of the key that anchors. */
export interface ChainNode {
  readonly url: string
  readonly keyFile: string
}

export interface LedgerRecord {
  readonly binding: LedgerBinding
  /** Absent for the embedded chain. */
  readonly node?: ChainNode
}

const fileOf = (folder: string): string => path.join(folder, 'ledger.json')

export async function saveLedgerRecord(folder: string, { binding, node }: LedgerRecord): Promise<void> {
  const { chainId, directory, codeHash, anchor } = binding
  const text = JSON.stringify({
    chainId,
    directory: toHex(directory),
    codeHash: toHex(codeHash),
    anchor: toHex(anchor),
    ...node,
  })
  await replaceFile(nodeFiles, fileOf(folder), Buffer.from(`${text}\n`, 'utf8'))
}

/** Undefined where the pool has no contracts yet; FolderError for a damaged file. */
export async function readLedgerRecord(folder: string): Promise<LedgerRecord | undefined> {
  const file = fileOf(folder)
  const text = await readIfThere(file)
  if (text === undefined) return undefined
  const root = JsonRecord.parse(text.toString('utf8'), file)
  const binding = {
    chainId: root.count('chainId'),
    directory: root.bytes('directory', 20),
    codeHash: root.bytes('codeHash', 32),
    anchor: root.bytes('anchor', 20),
  }
  return root.has('url')
    ? { binding, node: { url: root.text('url'), keyFile: root.text('keyFile') } }
    : { binding }
}
