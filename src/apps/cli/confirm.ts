import * as readline from 'node:readline/promises'
import { UsageError } from '../../core/open/errors.ts'

/** Whether somebody at the terminal types `yes`; throws UsageError where nobody is there to ask. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('nobody is there to be asked: say --yes')
  const asking = readline.createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await asking.question(question)).trim() === 'yes'
  } finally {
    asking.close()
  }
}
