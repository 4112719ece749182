import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MalformedError } from '../../../core/open/errors.ts'
import { MAX_RECORD_PLAIN_BYTES, RecordGuard } from './record-guard.ts'

const OVERHEAD = 17
const RUNS = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)

const header = (length: number): Uint8Array => Uint8Array.of(length, length >> 8, length >> 16)

function record(length: number): Uint8Array {
  const out = new Uint8Array(3 + length)
  out.set(header(length))
  return out
}

describe('RecordGuard', () => {
  it('lets records up to the limit through, and nothing longer or too short', () => {
    const guard = new RecordGuard(() => 0)
    guard.push(record(OVERHEAD + MAX_RECORD_PLAIN_BYTES))
    guard.push(record(OVERHEAD + 1))
    expect(() => guard.push(record(OVERHEAD + MAX_RECORD_PLAIN_BYTES + 1))).toThrow(MalformedError)
    expect(() => new RecordGuard(() => 0).push(record(OVERHEAD - 1))).toThrow(MalformedError)
  })

  it('takes a keepalive each second for ever, but no flood of them', () => {
    let now = 0
    const guard = new RecordGuard(() => now)
    for (let i = 0; i < 10_000; i++) {
      now += 1000
      guard.push(record(OVERHEAD))
    }
    expect(() => {
      for (let i = 0; i < 100; i++) guard.push(record(OVERHEAD))
    }).toThrow(MalformedError)
  })

  it('fuzz: finds a bad header wherever the pieces are cut, and no other', () => {
    const lengths = fc.array(fc.integer({ min: OVERHEAD + 1, max: 200 }), { maxLength: 5 })
    const bad = fc.option(fc.oneof(fc.nat(OVERHEAD - 1), fc.integer({ min: 65_554, max: 0xffffff })))
    fc.assert(
      fc.property(
        lengths,
        bad,
        fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1 }),
        (good, end, cuts) => {
          const parts = [...good.map(record), ...(end === null ? [] : [header(end)])]
          const bytes = Buffer.concat(parts)
          const guard = new RecordGuard(() => 0)
          let failedAt: number | undefined
          for (let at = 0, i = 0; at < bytes.length && failedAt === undefined; i++) {
            const next = Math.min(bytes.length, at + cuts[i % cuts.length]!)
            try {
              guard.push(bytes.subarray(at, next))
            } catch {
              failedAt = next
            }
            at = next
          }
          expect(failedAt).toBe(end === null ? undefined : bytes.length)
        },
      ),
      { numRuns: RUNS },
    )
  })
})
