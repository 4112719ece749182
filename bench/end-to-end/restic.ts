import { mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Contender } from './contender.ts'
import { runCommand } from './run-command.ts'

/** restic as Debian ships it, a new local repository for each label, no cache; undefined where it isn't installed. */
export async function restic(folder: string): Promise<Contender | undefined> {
  const version = await runCommand('restic', ['version']).catch(() => undefined)
  if (version === undefined) return undefined
  await mkdir(folder)
  const password = join(folder, 'password')
  await writeFile(password, 'benchmark\n', { mode: 0o600 })
  const repository = (label: string) => join(folder, label)
  const common = (label: string) => ['-q', '--no-cache', '-r', repository(label), '--password-file', password]
  return {
    name: version.stdout.split(' ').slice(0, 2).join(' '),
    async store(source, label) {
      await runCommand('restic', [...common(label), 'init'])
      return runCommand('restic', [...common(label), 'backup', basename(source)], { cwd: dirname(source) })
    },
    restore: (label, into) => runCommand('restic', [...common(label), 'restore', 'latest', '--target', into]),
    forget: (label) => rm(repository(label), { recursive: true, force: true }),
  }
}
