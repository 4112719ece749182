/** What a person at a terminal sees while nothing else is to be seen; nothing where stderr is no terminal. */
import { printable } from './printable.ts'

const ERASE = '\r\u001b[K'

function isTold(json: boolean): boolean {
  return !json && process.stderr.isTTY === true && process.env['TERM'] !== 'dumb'
}

/** Says what is waited for, until the function that it returns is called. */
export function showWaiting(json: boolean, text: string): () => void {
  if (!isTold(json)) return () => {}
  process.stderr.write(`${ERASE}${text}`)
  let shown = true
  return () => {
    if (shown) process.stderr.write(ERASE)
    shown = false
  }
}

/** Says in a line that stays that the tracker is waited for. */
export function tellOfWaiting(json: boolean, tracker: string): void {
  if (isTold(json))
    process.stderr.write(
      `${ERASE}The tracker at ${printable(tracker)} doesn't answer yet; waiting for it …\n`,
    )
}
