import * as fs from 'node:fs'
import * as path from 'node:path'
import { pino } from 'pino'
import type { Logger } from '../../ports/logger.ts'

/** A log and the one before it: what a small disk can spare for each role. */
const MAX_LOG_BYTES = 16 * 1024 * 1024

/** A role's log: JSON lines in `file`, which starts anew when it has grown large, or on standard error. */
export function roleLogger(role: string, file: string | undefined): Logger {
  const options = { base: { role, pid: process.pid }, level: process.env['ALLMEND_LOG_LEVEL'] ?? 'info' }
  return pino(options, file === undefined ? pino.destination({ dest: 2, sync: true }) : rotatingFile(file))
}

function rotatingFile(file: string): { write(line: string): void } {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  let fd = fs.openSync(file, 'a', 0o600)
  let size = fs.fstatSync(fd).size
  return {
    write(line) {
      try {
        if (size >= MAX_LOG_BYTES) {
          fs.closeSync(fd)
          fs.renameSync(file, `${file}.1`)
          fd = fs.openSync(file, 'a', 0o600)
          size = 0
        }
        size += fs.writeSync(fd, line)
      } catch (error) {
        // A full disk must not stop a role; its supervisor keeps what it says on standard error.
        process.stderr.write(`allmend: the log ${file} can't be written: ${String(error)}\n`)
      }
    },
  }
}
