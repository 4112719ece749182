/**
 * The layers are a lint rule; these are files that break it, at least one for each rule. Each is linted by the real
 * configuration at the place in the layout that its path names, and every import in it must be refused (in `allowed.ts`
 * files: none).
 */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, expect, it } from 'vitest'

interface Diagnostic {
  readonly message: string
  readonly help?: string
  readonly code: string
  readonly filename: string
}
interface Rule {
  readonly files: readonly string[]
  readonly message: string
}

const root = path.join(import.meta.dirname, '..', '..')
const config = path.join(root, '.oxlintrc.json')
const layout = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-boundaries-'))
fs.cpSync(path.join(import.meta.dirname, 'fixtures'), layout, { recursive: true })
fs.copyFileSync(config, path.join(layout, '.oxlintrc.json'))
const fixtures = fs
  .readdirSync(layout, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()
const diagnostics = lint()
afterAll(() => fs.rmSync(layout, { recursive: true, force: true }))

function lint(): Diagnostic[] {
  const oxlint = path.join(root, 'node_modules', '.bin', 'oxlint')
  const { stdout, error } = spawnSync(oxlint, ['--format=json', 'src'], { cwd: layout, encoding: 'utf8' })
  if (error !== undefined) throw error
  const report = JSON.parse(stdout) as { diagnostics: Diagnostic[] }
  return report.diagnostics.filter(({ code }) => code.includes('no-restricted-imports'))
}

/** The rules of the layout, from the configuration itself. */
function rules(): Rule[] {
  const { overrides } = JSON.parse(fs.readFileSync(config, 'utf8')) as {
    overrides: { files: string[]; rules: Record<string, unknown> }[]
  }
  return overrides.flatMap(({ files, rules: own }) => {
    const rule = own['no-restricted-imports']
    if (!Array.isArray(rule)) return []
    const { patterns } = rule[1] as { patterns: { message: string }[] }
    return patterns.map(({ message }) => ({ files, message }))
  })
}

function refusals(fixture: string): Diagnostic[] {
  return diagnostics.filter(({ filename }) => path.normalize(filename) === path.normalize(fixture))
}

it.each(fixtures)('%s', (fixture) => {
  const imports = fs.readFileSync(path.join(layout, fixture), 'utf8').match(/^import /gm)?.length ?? 0
  expect(imports).toBeGreaterThan(0)
  expect(refusals(fixture)).toHaveLength(path.basename(fixture) === 'allowed.ts' ? 0 : imports)
})

it('has a violating fixture for every rule of the layout', () => {
  const all = rules()
  expect(all.length).toBeGreaterThan(15)
  for (const { files, message } of all) {
    const folder = files[0]!.replace(/\*\*.*$/, '')
    const told = diagnostics.filter((diagnostic) =>
      `${diagnostic.message} ${diagnostic.help}`.includes(message),
    )
    expect(
      told.map(({ filename }) => filename).filter((name) => name.startsWith(folder)),
      `${folder}: ${message}`,
    ).not.toHaveLength(0)
  }
})
