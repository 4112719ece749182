/** `ledger.json` in a tracker's folder: which contracts are this pool's, and where their chain is asked. Written once they are deployed. */
import * as path from 'node:path'
import { fromHex, toHex } from '../../core/open/bytes.ts'
import { FolderError } from '../../core/open/errors.ts'
import { nodeFiles } from '../../adapters/disk/disk-files.ts'
import { replaceFile } from '../../adapters/disk/replace-file.ts'
import type { LedgerBinding } from '../../ports/ledger-chain.ts'
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
  const damaged = (cause?: unknown) =>
    new FolderError(`the file ${file} is damaged`, { file }, cause === undefined ? {} : { cause })
  let value: unknown
  try {
    value = JSON.parse(text.toString('utf8'))
  } catch (cause) {
    throw damaged(cause)
  }
  if (typeof value !== 'object' || value === null) throw damaged()
  const fields = new Map<string, unknown>(Object.entries(value))
  const chainId = fields.get('chainId')
  const directory = bytesOf(fields.get('directory'), 20)
  const codeHash = bytesOf(fields.get('codeHash'), 32)
  const anchor = bytesOf(fields.get('anchor'), 20)
  if (typeof chainId !== 'number' || !Number.isSafeInteger(chainId)) throw damaged()
  if (directory === undefined || codeHash === undefined || anchor === undefined) throw damaged()
  const url = fields.get('url')
  const keyFile = fields.get('keyFile')
  const node = typeof url === 'string' && typeof keyFile === 'string' ? { node: { url, keyFile } } : {}
  return { binding: { chainId, directory, codeHash, anchor }, ...node }
}

function bytesOf(value: unknown, length: number): Uint8Array | undefined {
  const bytes = typeof value === 'string' ? fromHex(value) : undefined
  return bytes?.length === length ? bytes : undefined
}
