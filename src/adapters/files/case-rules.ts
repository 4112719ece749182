import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { errnoOf } from '../disk/disk-error.ts'

/** Gives names that a file system takes for the same one the same form. */
export type Fold = (name: string) => string

/** How the file system of a folder compares names, found by trying; `at` gives the way to names in the folder. */
export async function probeCaseRules(at: (name: string) => string): Promise<Fold> {
  // Lower case, and an e with an acute accent as one character.
  const name = `.allmend-${randomBytes(8).toString('hex')}-\u00e9`
  await (await fs.open(at(name), 'wx', 0o600)).close()
  try {
    const folds: Fold[] = []
    if (await exists(at(name.normalize('NFD')))) folds.push((text) => text.normalize('NFC'))
    // With other capitals only where the first probe says nothing about it.
    if (await exists(at(name.replace('allmend', 'ALLMEND')))) folds.push((text) => text.toLowerCase())
    return (text) => folds.reduce((form, fold) => fold(form), text)
  } finally {
    await fs.unlink(at(name))
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await fs.lstat(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}
