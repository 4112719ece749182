/**
 * What commands print. Invariants: with `--json`, stdout carries one document, or one a line for lists, and nothing else; an
 * error is one document on stderr, and so is whatever a command that runs on has to tell; a reader that goes away (`| head`) ends the command quietly.
 */
import { AllmendError } from '../../../core/open/errors.ts'
import { printable, printableLines } from './printable.ts'
import { toPlain } from './to-plain.ts'

export interface Output {
  readonly json: boolean
  /** The result: a document, or lines for people. */
  result(document: unknown, lines: readonly string[]): void
  /** One item of a list. */
  item(document: unknown, line: string): void
  /** For people on a terminal or in a log, on stderr; nothing with `--json`. */
  note(text: string): void
  /** What happens while a command runs on, on stderr: a document a line, or text. */
  tell(document: unknown, text: string): void
  error(error: unknown): void
  /** Names for stdout: escaped on a terminal, exact in a pipe. */
  name(text: string): string
}

export function createOutput(json: boolean): Output {
  const { stdout, stderr } = process
  return {
    json,
    result(document, lines) {
      if (json) stdout.write(`${JSON.stringify(toPlain(document))}\n`)
      else if (lines.length > 0) stdout.write(`${lines.join('\n')}\n`)
    },
    item(document, line) {
      stdout.write(json ? `${JSON.stringify(toPlain(document))}\n` : `${line}\n`)
    },
    note(text) {
      if (!json) stderr.write(`${text}\n`)
    },
    tell(document, text) {
      stderr.write(json ? `${JSON.stringify(toPlain(document))}\n` : `${printableLines(text)}\n`)
    },
    error(error) {
      if (json) stderr.write(`${JSON.stringify({ error: toPlain(error) })}\n`)
      else stderr.write(`${printableLines(describe(error))}\n`)
    },
    name: (text) => (stdout.isTTY ? printable(text) : text),
  }
}

function describe(error: unknown): string {
  if (error instanceof AllmendError) return `allmend: ${error.message}`
  const text = error instanceof Error ? error.message : String(error)
  const stack = process.env['ALLMEND_DEBUG'] !== undefined && error instanceof Error ? `\n${error.stack}` : ''
  return `allmend: a fault of this program: ${text}\nNothing that was reported as done is lost. ALLMEND_DEBUG=1 shows where it happened.${stack}`
}

/** Resolves when everything written so far has left this process. */
export async function flushOutput(): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((resolve) => {
      stream.write('', () => resolve())
    })
}
