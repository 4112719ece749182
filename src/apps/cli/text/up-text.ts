import type { RunningPool } from '../../up/start-pool.ts'

/** What to tell a person whose pool runs now: real commands with real paths. */
export function upText(pool: RunningPool, dir: string): string[] {
  const providers = pool.processes().filter(({ role }) => role === 'provider').length
  const [first] = pool.members
  const home = quoted(first?.home ?? '')
  const allmend = process.env['npm_lifecycle_event'] === undefined ? 'allmend' : 'npx allmend'
  return [
    `The pool runs: a tracker, ${providers} providers, members ${pool.members.map(({ name }) => name).join(' and ')}.`,
    '',
    `Try it in another terminal, as ${first?.name ?? 'a member'}:`,
    '',
    `  export ALLMEND_HOME=${home}`,
    `  ${allmend} put README.md /home/`,
    `  ${allmend} ls -l /home`,
    `  ${allmend} cat /home/README.md`,
    `  ${allmend} status`,
    '',
    'The 24 words of each member, from which all of theirs can be recovered, are in',
    ...pool.members.map(({ phraseFile }) => `  ${phraseFile}`),
    'and the keys that unlock their keystores lie beside: good for a try-out, not for secrets.',
    '',
    `Logs are in ${pool.logs}. Ctrl-C or \`${allmend} down --dir ${quoted(dir)}\` stops it; the data stays.`,
  ]
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
