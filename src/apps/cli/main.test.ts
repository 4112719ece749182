import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../../../test/fixtures/processes/cli-process.ts'

const nowhere = path.join(os.tmpdir(), 'allmend-no-such-home')

describe('the command line', () => {
  it('tells its version', async () => {
    const { version } = JSON.parse(fs.readFileSync('package.json', 'utf8')) as { version: string }
    expect(await runCli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  it.each([
    [['no-such-command']],
    [['put']],
    [['cat', '/home/a', '--offset', '-1']],
    [['up', '--restart', 'sometimes']],
    [['up', '--providers', '0']],
    [['up', '--capacity', 'much']],
    [['status', '--limit-up', 'fast']],
    [['put', 'a', '/home', '--limit-down', '25:00,off']],
    [['ls', '--limit-lan', 'perhaps']],
    [['ls', '--no-such-option']],
    [['provider', 'start']],
    [['recover', '--tracker', 'nonsense']],
  ])('exits with 2 for %j and says why', async (args) => {
    const { code, stdout, stderr } = await runCli(args, { env: { ALLMEND_HOME: nowhere } })
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).not.toBe('')
  })

  it('tells errors as one document with --json, wherever it stands', async () => {
    for (const args of [
      ['--json', 'ls', '/home', '--home', nowhere],
      ['ls', '/home', '--home', nowhere, '--json'],
    ]) {
      const { code, stdout, stderr } = await runCli(args)
      expect(code).toBe(3)
      expect(stdout).toBe('')
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'not-found', facts: { home: nowhere } } })
    }
    const usage = await runCli(['--json', 'no-such-command'])
    expect(usage.code).toBe(2)
    expect(JSON.parse(usage.stderr)).toMatchObject({ error: { code: 'usage' } })
  })

  it('says what is missing when a token is none, before it asks for anything', async () => {
    const { code, stderr } = await runCli([
      'init',
      '--join',
      'host:1#AAAA',
      '--unattended',
      '--home',
      nowhere,
    ])
    expect(code).toBe(2)
    expect(stderr).toMatch(/token/)
    expect(fs.existsSync(nowhere)).toBe(false)
  })
})
