#!/usr/bin/env node
// The compiler of npm (soljson) with the command line that forge expects: `--version`, and standard JSON on standard input.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const solc = createRequire(import.meta.url)('solc')
if (process.argv.includes('--version'))
  process.stdout.write(`solc, the solidity compiler\nVersion: ${solc.version()}\n`)
else process.stdout.write(solc.compile(readFileSync(0, 'utf8')))
