import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConflictError, UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import type { AnchoredHead } from '../../ports/ledger.ts'
import type { Receipt } from '../../ports/ledger-chain.ts'
import type { Anchoring, Mismatch } from './anchoring.ts'
import { createAnchoring } from './anchoring.ts'
import { silent } from './testing/silent-logger.fixture.ts'
import { StepClock } from './testing/step-clock.fixture.ts'

const EVERY = 10
const MS = 1_000

function rootOf(size: number, fork = 0): Uint8Array {
  const out = new Uint8Array(32).fill(fork)
  new DataView(out.buffer).setUint32(0, size)
  return out
}

/** A ledger that can be away, lose answers and be rolled back. */
class FakeLedger {
  heads: AnchoredHead[] = []
  calls = 0
  away = false
  loseAnswer = false

  async anchor(size: number, root: Uint8Array): Promise<Receipt> {
    this.calls++
    if (this.away) throw new UnreachableError('away')
    if (size <= (this.heads.at(-1)?.size ?? 0)) throw new ConflictError('not larger')
    const index = this.heads.length
    this.heads.push({ index, size, root, block: index + 1, time: 0 })
    if (this.loseAnswer) throw new UnreachableError('the answer is lost')
    return { block: { number: index + 1, hash: root }, transaction: root, gas: 1 }
  }

  async latestHead(): Promise<AnchoredHead | undefined> {
    if (this.away) throw new UnreachableError('away')
    return this.heads.at(-1)
  }
}

describe('anchoring', () => {
  let clock: StepClock
  let ledger: FakeLedger
  let size: number
  let fork: number
  let anchoring: Anchoring
  let mismatches: Mismatch[]

  const start = (): void => {
    anchoring = createAnchoring({
      ledger,
      clock,
      logger: silent,
      log: {
        head: () => (size === 0 ? undefined : { size, root: rootOf(size, fork) }),
        rootAt: (at) => (at <= size ? rootOf(at, fork) : undefined),
      },
      everyEntries: EVERY,
      everyMs: MS,
      onMismatch: (evidence) => mismatches.push(evidence),
    })
  }
  /** Until it sleeps. */
  const settle = async (): Promise<void> => {
    do await new Promise((resolve) => setImmediate(resolve))
    while (clock.sleepers === 0)
  }
  const grow = async (to: number): Promise<void> => {
    size = to
    anchoring.noteSize(to)
    await settle()
  }
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settle()
  }
  const sizes = (): number[] => ledger.heads.map((head) => head.size)

  beforeEach(async () => {
    clock = new StepClock()
    ledger = new FakeLedger()
    size = 0
    fork = 0
    mismatches = []
    start()
    await settle()
  })
  afterEach(() => anchoring.close())

  test('after so many entries, or so long', async () => {
    await grow(EVERY - 1)
    expect(sizes()).toEqual([])
    await grow(EVERY)
    expect(sizes()).toEqual([EVERY])
    await grow(EVERY + 1)
    expect(anchoring.status()).toMatchObject({ lag: 1, size: EVERY + 1 })
    await pass(MS)
    expect(sizes()).toEqual([EVERY, EVERY + 1])
    expect(anchoring.status()).toMatchObject({ lag: 0, lagMs: 0, problem: undefined })
    await pass(MS)
    expect(ledger.calls).toBe(2)
  })

  test('an outage lets the lag grow, and is made good by one head', async () => {
    ledger.away = true
    for (let i = 1; i <= 20; i++) {
      await grow(i * EVERY)
      await pass(MS)
    }
    expect(anchoring.status()).toMatchObject({ lag: 200, problem: { code: 'unreachable' } })
    expect(anchoring.status().lagMs).toBeGreaterThan(10 * MS)
    ledger.away = false
    await pass(60_000)
    await pass(60_000)
    expect(sizes()).toEqual([200])
    expect(anchoring.status()).toMatchObject({ lag: 0, problem: undefined })
  })

  test('a lost answer makes no second head', async () => {
    ledger.loseAnswer = true
    await grow(EVERY)
    expect(anchoring.status().problem?.failures).toBe(1)
    ledger.loseAnswer = false
    await pass(1_000)
    expect(sizes()).toEqual([EVERY])
    expect(anchoring.status()).toMatchObject({ lag: 0, problem: undefined, anchored: { size: EVERY } })
  })

  test('what a reorganisation took back is anchored again', async () => {
    await grow(EVERY)
    await grow(2 * EVERY)
    ledger.heads.pop()
    await pass(MS)
    await pass(MS)
    expect(sizes()).toEqual([EVERY, 2 * EVERY])
  })

  test('starts with what the ledger has', async () => {
    await grow(EVERY)
    await anchoring.close()
    start()
    await settle()
    expect(anchoring.status()).toMatchObject({ anchored: { size: EVERY }, lag: 0 })
    expect(ledger.calls).toBe(1)
  })

  test('a log that was rolled back or forked is told, and nothing is written over it', async () => {
    await grow(EVERY)
    await anchoring.close()
    size = 3
    start()
    await settle()
    expect(anchoring.status()).toMatchObject({
      mismatch: { root: undefined },
      problem: { code: 'untrusted' },
    })
    size = 30
    fork = 1
    await expect(anchoring.flush()).rejects.toThrow(UntrustedError)
    expect(anchoring.status().mismatch?.root).toEqual(rootOf(EVERY, 1))
    await pass(60_000)
    expect(sizes()).toEqual([EVERY])
    expect(mismatches).toHaveLength(1)
    fork = 0
    await pass(60_000)
    await pass(60_000)
    expect(anchoring.status()).toMatchObject({ mismatch: undefined, problem: undefined, lag: 0 })
    expect(sizes()).toEqual([EVERY, 30])
  })

  test('flush anchors at once', async () => {
    size = 1
    anchoring.noteSize(1)
    await anchoring.flush()
    expect(sizes()).toEqual([1])
    await settle()
  })
})
