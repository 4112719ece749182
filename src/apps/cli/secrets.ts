/** Secrets come from a file, the environment or standard input, never from an argument: arguments are seen by everybody. */
import * as fs from 'node:fs/promises'
import * as readline from 'node:readline'
import { Writable } from 'node:stream'
import { CancelledError, UsageError } from '../../core/open/errors.ts'
import { fileError } from '../../adapters/files/file-error.ts'

/** A secret is a line, not a disk image that was named by mistake. */
const MAX_SECRET_BYTES = 64 * 1024

export interface SecretSource {
  /** What is asked for, as in "the passphrase". */
  readonly what: string
  readonly file?: string | undefined
  /** Name of the environment variable. */
  readonly variable: string
}

/** The secret without the line end; asks without echo on a terminal, else takes the next line of standard input. */
export async function readSecret({ what, file, variable }: SecretSource): Promise<string> {
  if (file !== undefined) return readSecretFile(file)
  const value = process.env[variable]
  if (value !== undefined) return value
  const line = process.stdin.isTTY ? await prompt(`${what}: `) : await nextLine()
  if (line === undefined)
    throw new UsageError(`${what} is needed: from a file, in ${variable}, or on standard input`, { variable })
  return line
}

/** The 24 words of a member. */
export function readPhrase(file: string | undefined): Promise<string> {
  return readSecret({ what: 'Your 24 words', file, variable: 'ALLMEND_PHRASE' })
}

/** A new passphrase: typed twice on a terminal. */
export async function readNewPassphrase(file: string | undefined): Promise<string> {
  const source: SecretSource = { what: 'New passphrase', file, variable: 'ALLMEND_PASSPHRASE' }
  const first = await readSecret(source)
  if (first === '') throw new UsageError('a passphrase is not empty')
  if (file !== undefined || process.env[source.variable] !== undefined || !process.stdin.isTTY) return first
  if ((await prompt('The same again: ')) !== first)
    throw new UsageError('the two passphrases differ: nothing was made')
  return first
}

export async function readSecretFile(file: string): Promise<string> {
  let text: string
  try {
    const { size } = await fs.stat(file)
    if (size > MAX_SECRET_BYTES) throw new UsageError(`${file} is too large to hold a secret`)
    text = await fs.readFile(file, 'utf8')
  } catch (error) {
    throw fileError(file, error)
  }
  return text.replace(/\r?\n$/, '')
}

let lines: AsyncIterator<string> | undefined

/** Standard input line by line, for secrets that follow each other. */
async function nextLine(): Promise<string | undefined> {
  lines ??= readline.createInterface({ input: process.stdin, crlfDelay: Infinity })[Symbol.asyncIterator]()
  const next = await lines.next()
  return next.done === true ? undefined : next.value
}

function prompt(question: string): Promise<string> {
  process.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const asking = readline.createInterface({ input: process.stdin, output: silent, terminal: true })
  return new Promise((resolve, reject) => {
    asking.once('line', (line) => {
      resolve(line)
      asking.close()
    })
    asking.once('SIGINT', () => asking.close())
    asking.once('close', () => {
      process.stderr.write('\n')
      reject(new CancelledError('stopped: nothing was changed'))
    })
  })
}
