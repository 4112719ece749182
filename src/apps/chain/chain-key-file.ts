/** The key that anchors: one raw secp256k1 private key in a file of its own, as hexadecimal. */
import * as crypto from 'node:crypto'
import { addressOf } from '../../adapters/evm/typed-data.ts'
import { fromHex, toHex } from '../../core/open/bytes.ts'
import { MalformedError, NotFoundError } from '../../core/open/errors.ts'
import { readIfThere, writePrivateFile } from '../node/private-file.ts'

const KEY_BYTES = 32

/** The 32 bytes of a key file: 64 hexadecimal digits, `0x` before and white space around them allowed. */
export async function readChainKey(file: string): Promise<Uint8Array> {
  const content = await readIfThere(file)
  if (content === undefined) throw new NotFoundError(`there is no chain key at ${file}`, { file })
  const text = content.toString('latin1').trim().replace(/^0x/i, '')
  const key = text.length === 2 * KEY_BYTES ? fromHex(text) : undefined
  if (key === undefined) throw new MalformedError(`${file} is no chain key: 64 hexadecimal digits`, { file })
  addressOf(key)
  return key
}

/** The key of this file; makes one, readable by its owner alone, when there is none. */
export async function openChainKey(file: string): Promise<Uint8Array> {
  if ((await readIfThere(file)) !== undefined) return readChainKey(file)
  // Not below the curve's order: once in 2^128.
  const key = Uint8Array.from(crypto.randomBytes(KEY_BYTES))
  addressOf(key)
  await writePrivateFile(file, `${toHex(key)}\n`)
  return key
}
