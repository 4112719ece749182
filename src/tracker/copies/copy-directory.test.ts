import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../test/fixtures/manual-clock.ts'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import { copyTimeMs, MAX_COPIES } from '../../core/open/stripes/copies.ts'
import { chooseCopier } from './choose-copier.ts'
import { ASK_INTERVAL_MS, CHECK_INTERVAL_MS, CopyDirectory } from './copy-directory.ts'

const [shard, provider, holder, space] = ['shard', 'provider', 'holder', 'space'].map(seedOf) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
]
const ask = { address: 'host:1', ticket: [new Uint8Array(1), new Uint8Array(64)] as const }
const everybodyUp = { isUp: () => true }
const isStored = () => true
const bytes = 4 * 1024 * 1024
/** Until a copy that was asked for is not waited for any more. */
const TIME_MS = copyTimeMs(bytes) + 10_000

describe('the directory of copies', () => {
  test('drops the copy of a shard that nobody stores any more', () => {
    const clock = new ManualClock()
    const copies = new CopyDirectory(clock, everybodyUp)
    copies.ask({ shard, provider, holder, space, bytes, ask })
    expect(copies.report(provider, [], isStored).ask).toBe(ask)
    expect(copies.report(provider, [shard], () => false).drop).toEqual([])
    expect(copies.of(shard)).toHaveLength(1)
    clock.advance(CHECK_INTERVAL_MS)
    expect(copies.report(provider, [shard], () => false).drop).toEqual([shard])
    expect(copies.of(shard)).toEqual([])
  })

  test('gives up on who was asked and never has it, and asks another', () => {
    const clock = new ManualClock()
    const copies = new CopyDirectory(clock, everybodyUp)
    for (let i = 0; i < MAX_COPIES; i++) {
      copies.ask({ shard, provider: seedOf(`silent ${i}`), holder, space, bytes, ask })
      copies.report(seedOf(`silent ${i}`), [], isStored)
      clock.advance(ASK_INTERVAL_MS)
    }
    expect(copies.isWanted(shard, holder)).toBe(false)
    clock.advance(TIME_MS - MAX_COPIES * ASK_INTERVAL_MS - 1)
    copies.report(seedOf('silent 0'), [], isStored)
    expect(copies.isWanted(shard, holder)).toBe(false)
    clock.advance(1)
    copies.report(seedOf('silent 0'), [], isStored)
    expect(copies.isWanted(shard, holder)).toBe(true)
    expect(copies.mayKeep(shard, seedOf('silent 0'))).toBe(false)
    expect(copies.report(seedOf('silent 0'), [shard], isStored).drop).toEqual([shard])
  })

  test('keeps to its limits and its two indices agree, whatever is claimed, reported and blamed', () => {
    const byte = fc.nat(4)
    const step = fc.record({
      what: fc.constantFrom('claim', 'report', 'blame', 'wait'),
      shard: byte,
      provider: byte,
      kept: fc.uniqueArray(byte),
      ms: fc.integer({ min: 0, max: TIME_MS }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = new ManualClock()
        const copies = new CopyDirectory(clock, everybodyUp)
        for (const { what, shard, provider, kept, ms } of steps) {
          const [s, p] = [Uint8Array.of(shard), Uint8Array.of(provider)]
          if (what === 'claim' && copies.isWanted(s, holder) && copies.mayKeep(s, p))
            copies.ask({ shard: s, provider: p, holder, space, bytes, ask })
          if (what === 'report') {
            copies.report(
              p,
              kept.map((id) => Uint8Array.of(id)),
              isStored,
            )
          }
          if (what === 'blame') copies.refuse(p, s, () => true)
          if (what === 'wait') clock.advance(ms)
          const named = Array.from({ length: 5 }, (_, id) => copies.of(Uint8Array.of(id)))
          for (const providers of named) expect(providers.length).toBeLessThanOrEqual(MAX_COPIES)
          for (let id = 0; id < 5; id++)
            expect(copies.countOf(Uint8Array.of(id))).toBe(
              named.flat().filter((named) => named[0] === id).length,
            )
        }
      }),
    )
  })
})

describe('who keeps a copy', () => {
  const operators = ['home', 'office', 'lab'].map(seedOf)
  const one = (name: string, operator: number, free: number, copies = 0) => ({
    id: seedOf(name),
    operator: operators[operator]!,
    free,
    copies,
  })
  const nobody = { bytes: 100, stripeHolders: [], servedBy: [] }

  test('somebody else than holders of the stripe, of another operator, with fewer copies, more room', () => {
    const [full, a, b, c] = [
      one('full', 0, 799),
      one('a', 0, 10_000),
      one('b', 1, 9_000),
      one('c', 1, 8_000, 1),
    ]
    const all = [full, c, b, a]
    expect(chooseCopier(all, nobody)).toBe(a)
    expect(chooseCopier(all, { ...nobody, servedBy: [operators[0]!] })).toBe(b)
    expect(chooseCopier(all, { ...nobody, servedBy: [operators[0]!], stripeHolders: [b.id] })).toBe(c)
    expect(chooseCopier([full, a], { ...nobody, servedBy: [operators[0]!], stripeHolders: [a.id] })).toBe(a)
    expect(chooseCopier([full], nobody)).toBeUndefined()
  })

  test('nobody whose copies would take more than an eighth of what is free', () => {
    expect(chooseCopier([one('d', 2, 1_599, 1)], nobody)).toBeUndefined()
    expect(chooseCopier([one('d', 2, 1_600, 1)], nobody)).toBeDefined()
  })
})
