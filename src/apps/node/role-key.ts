import { FolderError } from '../../core/open/errors.ts'
import type { Random } from '../../ports/random.ts'
import { readIfThere, writePrivateFile } from './private-file.ts'

export const ROLE_KEY_BYTES = 32

export interface RoleKeyOptions {
  /** Whose key it is, for the error. */
  readonly role: 'provider' | 'tracker' | 'node'
  /** A new folder that was killed on its way here may hold a key; one with a format file must hold it. */
  readonly mayCreate: boolean
  /** Whether a new folder's file of another length is written anew; else it is refused. */
  readonly mayReplace: boolean
}

/** The 32-byte key in a role's folder, made once (mode 0600, durably); throws FolderError when it should be there and isn't whole. */
export async function openRoleKey(
  file: string,
  random: Random,
  options: RoleKeyOptions,
): Promise<Uint8Array> {
  const found = await readIfThere(file)
  if (found?.length === ROLE_KEY_BYTES) return new Uint8Array(found)
  if (!options.mayCreate || (found !== undefined && !options.mayReplace))
    throw new FolderError(
      `the key ${file} is ${found === undefined ? 'missing' : 'damaged'}: without it this ${options.role} can't prove who it is`,
      { file },
    )
  const seed = random.bytes(ROLE_KEY_BYTES)
  await writePrivateFile(file, seed)
  return seed
}
