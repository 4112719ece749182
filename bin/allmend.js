#!/usr/bin/env node
// Runs the command line with the Node that it was made for: this one, when it is new enough, else the one of the `node`
// package. The clone runs its TypeScript, the installed package its JavaScript.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { constants } from 'node:os'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NEEDED = 26
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(root, 'src', 'apps', 'cli', 'main.ts')
const main = existsSync(source) ? source : join(root, 'dist', 'apps', 'cli', 'main.js')

// Compiled code is kept beside the other packages, for this process and those that it starts: they start in half of the time and
// take 25 MB less, as types needn't be stripped again. A folder that others could write to would let them run code as us.
process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'allmend')

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  nodeModule.enableCompileCache?.()
  await import(pathToFileURL(main).href)
} else runWith(pinnedNode())

function pinnedNode() {
  try {
    const folder = dirname(nodeModule.createRequire(import.meta.url).resolve('node/package.json'))
    const file = ['node', 'node.exe']
      .map((name) => join(folder, 'bin', name))
      .find((name) => existsSync(name))
    if (file !== undefined) return file
  } catch {
    // Told below: not installed and installed without its binary are the same to whoever reads it.
  }
  process.stderr.write(
    `allmend: this is Node ${process.version}, Allmend needs ${NEEDED} and its \`node\` package is not installed: ` +
      'run npm ci again with install scripts allowed, or install a newer Node\n',
  )
  process.exit(1)
}

function runWith(node) {
  // The channel tells the child when this process is killed.
  const child = spawn(node, [main, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  child.channel?.unref()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'])
    process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`allmend: ${node} can't be started: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
    // Where the signal doesn't end us, say what a shell would.
    process.exitCode = 128 + (constants.signals[signal] ?? 0)
  })
}
