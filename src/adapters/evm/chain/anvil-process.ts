/**
 * One anvil as a child process. Invariants: it listens on 127.0.0.1 at a port of the system's choice; it ends with this process,
 * whatever ends it: a shell between us waits on a pipe that closes with us (Windows ends children with their parent by itself);
 * it is not in our process group, so that Ctrl-C reaches us alone; it writes nothing outside of the folder it is given.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { InternalError } from '../../../core/open/errors.ts'

const READY_MS = 30_000
const MAX_WORDS = 2_000

/** Kills its child (file descriptor 3 is our end of the pipe) when standard input closes; ends with its child. */
const GUARD = `exec 3<&0
"$@" </dev/null 3<&- &
child=$!
( while read -r line; do :; done; kill -9 "$child" ) <&3 >/dev/null 2>&1 &
guard=$!
exec 3<&-
wait "$child"
code=$?
kill -9 "$guard" 2>/dev/null
exit $code`

export interface AnvilProcess {
  readonly url: string
  /** Of anvil itself or of the shell that guards it. */
  readonly pid: number
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** Path of the installed binary; InternalError where the platform has none. */
function anvilPath(): string {
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const name = process.platform === 'win32' ? 'anvil.exe' : 'anvil'
  try {
    const anvil = createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json')
    const native = createRequire(anvil).resolve(`@foundry-rs/anvil-${platform}/package.json`)
    return join(dirname(native), 'bin', name)
  } catch (cause) {
    throw new InternalError(
      `the embedded chain has no engine for ${platform}: use --chain-url with a node of your own`,
      { platform },
      { cause },
    )
  }
}

export async function startAnvil(args: readonly string[]): Promise<AnvilProcess> {
  const all = ['--host', '127.0.0.1', '--port', '0', ...args]
  const options = { stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'], detached: true }
  const child =
    process.platform === 'win32'
      ? spawn(anvilPath(), all, { ...options, detached: false })
      : spawn('/bin/sh', ['-c', GUARD, 'anvil', anvilPath(), ...all], options)
  child.stdin.on('error', () => {
    // The child is gone; `exit` tells.
  })
  let said = ''
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', (error) => {
      said = error.message
      resolve()
    })
  })
  const listen = new Promise<string>((resolve) => {
    const hear = (part: Buffer): void => {
      if (said.length < MAX_WORDS) said += part.toString('utf8')
      const port = /Listening on 127\.0\.0\.1:(\d+)/.exec(said)?.[1]
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
  })
  const timer = setTimeout(() => end(child), READY_MS)
  try {
    const url = await Promise.race([listen, ended])
    if (url === undefined) throw new InternalError(`anvil did not start: ${said.trim().slice(-300)}`)
    return { url, pid: child.pid ?? 0, ended, stop: () => (end(child), ended) }
  } finally {
    clearTimeout(timer)
  }
}

function end(child: ChildProcess): void {
  child.stdin?.destroy()
  if (process.platform === 'win32') child.kill('SIGKILL')
}
