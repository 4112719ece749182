/** Says on a terminal what is waited for, until the function that it returns is called; nothing where stderr is no terminal. */
export function showWaiting(json: boolean, text: string): () => void {
  const { stderr } = process
  if (json || stderr.isTTY !== true || process.env['TERM'] === 'dumb') return () => {}
  stderr.write(`\r\u001b[K${text}`)
  let shown = true
  return () => {
    if (shown) stderr.write('\r\u001b[K')
    shown = false
  }
}
