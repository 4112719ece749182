import { describe, expect, it } from 'vitest'
import { checkTargetName } from './target-name.ts'

describe('names that get may create', () => {
  it.each(['a', '-x', '..a', '...', 'CON', 'a.', 'a ', 'n'.repeat(255), '\u202e', 'e\u0301'])(
    'takes %j on Linux',
    (name) => {
      expect(() => checkTargetName(name, 'linux')).not.toThrow()
    },
  )

  it.each(['', '.', '..', '../x', 'a/b', '/', 'a\0', 'a\nb', 'n'.repeat(256), '\u00e9'.repeat(128)])(
    'refuses %j everywhere',
    (name) => {
      for (const platform of ['linux', 'darwin', 'win32'] as const)
        expect(() => checkTargetName(name, platform)).toThrow(expect.objectContaining({ code: 'usage' }))
    },
  )

  it.each(['CON', 'con.txt', 'Aux', 'com1', 'LPT9.a.b', 'a.', 'a ', 'a:b', 'a\\b', 'a?'])(
    'refuses %j on Windows',
    (name) => {
      expect(() => checkTargetName(name, 'win32')).toThrow(expect.objectContaining({ code: 'usage' }))
    },
  )
})
