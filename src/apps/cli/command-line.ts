/** The command line's process: parse, run, print what went wrong, leave with the documented exit code. */
import * as fs from 'node:fs'
import { flushCompileCache } from 'node:module'
import { CommanderError } from 'commander'
import { UsageError } from '../../core/open/errors.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { createOutput, flushOutput } from './text/output.ts'
import { createProgram } from './program.ts'
import { stopSignals } from './stop-signals.ts'

function version(): string {
  const manifest: unknown = JSON.parse(
    fs.readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  )
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : ''
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever read this has seen enough.
  if (error.code === 'EPIPE') process.exit(EXIT.done)
  throw error
})
process.stderr.on('error', () => {
  // Nobody listens; the work goes on, and the exit code tells.
})

// A launcher on an older Node dies with its terminal or by a kill: this process, its body, does too.
if (process.channel !== undefined) {
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel?.unref()
}

const args = process.argv.slice(2)
const json = args.includes('--json')
try {
  const program = await createProgram(version(), args, stopSignals())
  // Processes that this one starts find it, also those of a first `up`.
  flushCompileCache()
  if (json)
    for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)])
      command.configureOutput({ writeErr: () => {} })
  await program.parseAsync(args, { from: 'user' })
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage
    if (json && error.exitCode !== 0)
      createOutput(true).error(new UsageError(error.message.replace(/^error: /, '')))
  } else {
    createOutput(json).error(error)
    process.exitCode = exitCodeOf(error)
  }
}
await flushOutput()
// Connections that a failed command left open must not hold the terminal.
process.exit()
