import { mkdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Contender } from './contender.ts'
import { runCommand } from './run-command.ts'

/** borg as Debian ships it, repokey-blake2, a new local repository and cache for each label; undefined where it isn't installed. */
export async function borg(folder: string): Promise<Contender | undefined> {
  const version = await runCommand('borg', ['--version']).catch(() => undefined)
  if (version === undefined) return undefined
  await mkdir(folder)
  const repository = (label: string) => join(folder, label, 'repository')
  const env = (label: string) => ({
    BORG_PASSPHRASE: 'benchmark',
    BORG_BASE_DIR: join(folder, label, 'base'),
  })
  return {
    name: version.stdout.trim(),
    async store(source, label) {
      await mkdir(env(label).BORG_BASE_DIR, { recursive: true })
      await runCommand('borg', ['init', '-e', 'repokey-blake2', repository(label)], { env: env(label) })
      return runCommand('borg', ['create', `${repository(label)}::it`, basename(source)], {
        cwd: dirname(source),
        env: env(label),
      })
    },
    restore: (label, into) =>
      runCommand('borg', ['extract', `${repository(label)}::it`], { cwd: into, env: env(label) }),
    forget: (label) => rm(join(folder, label), { recursive: true, force: true }),
  }
}
