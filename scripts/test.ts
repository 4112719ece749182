// Everything that a change must pass, in one command: format, lint, types, dead code, then every test. Each check counts as
// one. All of them run whatever failed before, and the last line says alone how many passed and failed.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)
const bin = join(root, 'node_modules', '.bin')

const CHECKS = [
  { name: 'format', command: ['oxfmt', '--check'] },
  { name: 'lint', command: ['oxlint', '--deny-warnings'] },
  { name: 'types', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
  { name: 'types of core, without Node', command: ['tsc', '--noEmit', '-p', 'tsconfig.core.json'] },
  { name: 'dead code', command: ['knip'] },
]

function run([command, ...args]: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(join(bin, command!), args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
    })
    child.once('error', (error) => {
      process.stderr.write(`${command} can't be started: ${error.message}\n`)
      resolve(false)
    })
    child.once('exit', (code) => resolve(code === 0))
  })
}

interface Counts {
  passed: number
  failed: number
}

/** Runs all tests; a file that can't even be loaded counts as a failed test. */
async function runTests(args: readonly string[]): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), 'allmend-test-'))
  const report = join(folder, 'report.json')
  try {
    const done = await run([
      'vitest',
      'run',
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...args,
    ])
    const counts = await readReport(report)
    // What failed outside of tests, such as an unhandled rejection.
    if (!done && counts.failed === 0) counts.failed = 1
    return counts
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function readReport(file: string): Promise<Counts> {
  let report: unknown
  try {
    report = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    process.stderr.write(`the tests left no report: ${String(error)}\n`)
    return { passed: 0, failed: 1 }
  }
  const files = field(report, 'testResults')
  const unloaded = Array.isArray(files)
    ? files.filter(
        (result) => field(result, 'status') === 'failed' && isEmpty(field(result, 'assertionResults')),
      )
    : []
  return {
    passed: Number(field(report, 'numPassedTests')),
    failed: Number(field(report, 'numFailedTests')) + unloaded.length,
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function isEmpty(list: unknown): boolean {
  return Array.isArray(list) && list.length === 0
}

const total: Counts = { passed: 0, failed: 0 }
for (const { name, command } of CHECKS) {
  console.log(`\n== ${name}: ${command.join(' ')}`)
  const good = await run(command)
  if (good) total.passed++
  else total.failed++
  console.log(`== ${name}: ${good ? 'passed' : 'FAILED'}`)
}
console.log('\n== tests: vitest run')
const tests = await runTests(process.argv.slice(2))
total.passed += tests.passed
total.failed += tests.failed
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
