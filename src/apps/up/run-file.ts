/** `run/up.json`: who runs in a folder, for `down` and for the next start. Only a hint: the lock beside it is the truth. */
import * as path from 'node:path'
import { nodeFiles } from '../../adapters/disk/disk-files.ts'
import { replaceFile } from '../../adapters/disk/replace-file.ts'
import { readIfThere } from '../node/private-file.ts'

export interface RunningProcess {
  readonly role: 'up' | 'chain' | 'tracker' | 'provider'
  /** Stable name: `up`, `chain`, `tracker`, a provider's number. */
  readonly id: string
  readonly pid: number
  /** host:port; empty for the supervisor. */
  readonly address: string
  /** Peer id, hexadecimal. */
  readonly peer?: string
}

const FILE = 'up.json'

export async function writeRunFile(folder: string, processes: readonly RunningProcess[]): Promise<void> {
  await replaceFile(nodeFiles, path.join(folder, FILE), Buffer.from(`${JSON.stringify({ processes })}\n`))
}

/** The process ids that were written last, the supervisor's apart; nothing where the file is absent or damaged. */
export async function readRunFile(
  folder: string,
): Promise<{ supervisor: number | undefined; roles: number[] }> {
  const none = { supervisor: undefined, roles: [] }
  const text = await readIfThere(path.join(folder, FILE))
  if (text === undefined) return none
  let parsed: unknown
  try {
    parsed = JSON.parse(text.toString('utf8'))
  } catch {
    return none
  }
  if (typeof parsed !== 'object' || parsed === null || !('processes' in parsed)) return none
  const list: unknown[] = Array.isArray(parsed.processes) ? parsed.processes : []
  const found: { role: unknown; pid: number }[] = []
  for (const item of list)
    if (typeof item === 'object' && item !== null && 'pid' in item && 'role' in item)
      if (typeof item.pid === 'number' && Number.isSafeInteger(item.pid) && item.pid > 1)
        found.push({ role: item.role, pid: item.pid })
  return {
    supervisor: found.find(({ role }) => role === 'up')?.pid,
    roles: found.filter(({ role }) => role !== 'up').map(({ pid }) => pid),
  }
}
