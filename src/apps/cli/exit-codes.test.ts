import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../core/open/errors.ts'
import { errorFromWire } from '../../core/open/errors.ts'
import { exitCodeOf, exitCodeOfAll } from './exit-codes.ts'

const failure = (code: ErrorCode) => errorFromWire({ code, message: '', facts: {} })

describe('exit codes', () => {
  it.each<[ErrorCode, number]>([
    ['internal', 1],
    ['unreachable', 1],
    ['busy', 1],
    ['cancelled', 1],
    ['usage', 2],
    ['not-found', 3],
    ['denied', 4],
    ['conflict', 5],
    ['folder', 5],
    ['not-enough-shards', 6],
    ['not-enough-providers', 6],
    ['capacity', 6],
    ['malformed', 7],
    ['untrusted', 7],
    ['damaged-shard', 7],
  ])('%s is %i', (code, exit) => {
    expect(exitCodeOf(failure(code))).toBe(exit)
  })

  it('is 1 for what nobody foresaw, and the gravest of several', () => {
    expect(exitCodeOf(new Error('bug'))).toBe(1)
    expect(exitCodeOfAll([])).toBe(0)
    expect(exitCodeOfAll([failure('denied'), failure('not-enough-shards'), failure('not-found')])).toBe(6)
  })
})
