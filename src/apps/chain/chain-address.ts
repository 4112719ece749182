/** Where the embedded chain listens: `chain.json` in its folder, so that it comes back there and the pool's tracker finds it. */
import * as path from 'node:path'
import { UnreachableError } from '../../core/open/errors.ts'
import type { JsonRpc } from '../../adapters/evm/json-rpc.ts'
import { createJsonRpc } from '../../adapters/evm/json-rpc.ts'
import { nodeFiles } from '../../adapters/disk/disk-files.ts'
import { replaceFile } from '../../adapters/disk/replace-file.ts'
import { JsonRecord } from '../node/json-record.ts'
import { readIfThere } from '../node/private-file.ts'

const fileOf = (folder: string): string => path.join(folder, 'chain.json')

export async function saveChainAddress(folder: string, address: string): Promise<void> {
  await replaceFile(nodeFiles, fileOf(folder), Buffer.from(`${JSON.stringify({ address })}\n`, 'utf8'))
}

/** host:port; undefined before the chain's first start. Throws FolderError for a damaged file. */
export async function readChainAddress(folder: string): Promise<string | undefined> {
  const file = fileOf(folder)
  const text = await readIfThere(file)
  return text === undefined ? undefined : JsonRecord.parse(text.toString('utf8'), file).text('address')
}

/** JSON-RPC to the chain of a folder, wherever that listens now; UnreachableError before it has listened anywhere. */
export function chainOfFolder(folder: string): JsonRpc {
  let known: { readonly address: string; readonly rpc: JsonRpc } | undefined
  const follow = async (): Promise<JsonRpc> => {
    const address = await readChainAddress(folder)
    if (address === undefined) throw new UnreachableError('the chain has not been started yet', { folder })
    if (known?.address !== address) known = { address, rpc: createJsonRpc({ url: `http://${address}` }) }
    return known.rpc
  }
  return {
    async request(method, params, signal) {
      const rpc = known?.rpc ?? (await follow())
      try {
        return await rpc.request(method, params, signal)
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error
        // It may listen elsewhere since: who asks again gets it from there.
        await follow()
        throw error
      }
    },
  }
}
