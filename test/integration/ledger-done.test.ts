/**
 * What the ledger is for, on real processes: two members' work is proven against the chain and, in a file, without anybody; no byte of
 * that file can change; kill -9 of everything comes back to the same head and block; an older copy of the tracker's folder is noticed.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { exitCodeOf } from '../../src/apps/cli/exit-codes.ts'
import { readBundle } from '../../src/client/log/audit/log-bundle.ts'
import { verifyBundle } from '../../src/client/log/audit/verify-log.ts'
import { AllmendError } from '../../src/core/open/errors.ts'
import type { LedgerStatus, Verdict } from '../fixtures/processes/ledger-process.ts'
import { OFTEN, anchored, putNamed } from '../fixtures/processes/ledger-process.ts'
import type { Finished } from '../fixtures/processes/process-pool.ts'
import { ProcessPool } from '../fixtures/processes/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'

const SEED = Number(process.env['ALLMEND_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const FLIPS = 24
/** Of them, those that a process is asked about: it says what its code says here, and exits with 7. */
const FLIPS_TOLD = 4
/** Magic, then frames of kind (1), length (4) and bytes: docs/spec/log-bundle.md. */
const MAGIC_BYTES = 21
const FRAME_BYTES = 5
const ENTRY = 0x65

interface Failure {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly facts: { readonly index?: number; readonly evidence?: string }
  }
}

const failureOf = ({ stderr }: Finished): Failure['error'] =>
  (JSON.parse(stderr.trimEnd().split('\n').at(-1)!) as Failure).error

/** What `log verify` does with a file where there is no home. */
async function verifyAlone(bundle: Uint8Array): Promise<unknown> {
  const reader = await readBundle(nodePrimitives, createHash('sha256'), Readable.from([bundle]))
  return verifyBundle(nodePrimitives, reader, {})
}

function asError(error: unknown): AllmendError {
  if (error instanceof AllmendError) return error
  throw error
}

/** Where each entry's frame begins and ends in a bundle. */
function entryFrames(bundle: Buffer): { from: number; to: number }[] {
  const frames: { from: number; to: number }[] = []
  for (let from = MAGIC_BYTES; from < bundle.length;) {
    const to = from + FRAME_BYTES + bundle.readUInt32BE(from + 1)
    if (bundle[from] === ENTRY) frames.push({ from, to })
    from = to
  }
  return frames
}

describe('a pool of two members, its chain and its log', () => {
  let pool: ProcessPool
  let before: LedgerStatus
  const tracker = () => pool.at('pool', 'tracker')

  beforeAll(async () => {
    pool = await ProcessPool.start({ providers: 3, members: 'alice,bob', chain: OFTEN })
    await putNamed(pool, 'of-alice')
    await putNamed(pool, 'of-bob', 'bob')
    before = await anchored(pool)
  })
  afterAll(() => pool.close())

  it('proves all of it against the chain, for both', async () => {
    expect(pool.process('chain').address).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(before).toMatchObject({ chain: { kind: 'embedded' }, witnesses: { count: 3, quorum: 2 } })
    expect(before.problem).toBeUndefined()
    for (const member of ['alice', 'bob']) {
      const { code, stdout, stderr } = await pool.as(member, '--json', 'log', 'verify')
      expect(code, stderr).toBe(0)
      const verdict = JSON.parse(stdout) as Verdict
      expect(verdict).toMatchObject({ verified: true, chainAsked: true, ...before.log })
      expect(verdict.anchored).toEqual(before.anchored)
      expect(verdict.witnesses.signed).toBeGreaterThanOrEqual(verdict.witnesses.needed)
    }
  })

  it(`exports what is proven without anybody, and where one flipped byte is named (ALLMEND_SEED=${SEED})`, async () => {
    const file = pool.at('bundle')
    await pool.json('log', 'export', file)
    await pool.killAll()
    for (const home of [pool.home(), pool.at('no home')]) {
      const { code, stdout, stderr } = await pool.run('--json', '--home', home, 'log', 'verify', file)
      expect(code, stderr).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ verified: true, chainAsked: false, ...before.log })
    }

    const random = randomFrom(SEED)
    const bundle = fs.readFileSync(file)
    const frames = entryFrames(bundle)
    expect(frames).toHaveLength(before.log.size)
    for (let flip = 0; flip < FLIPS; flip++) {
      const position = random.below(bundle.length)
      const bit = random.below(8)
      const altered = Buffer.from(bundle)
      altered[position]! ^= 1 << bit
      const found = await verifyAlone(altered).then(() => undefined, asError)
      const told = `bit ${bit} of byte ${position}: ${found?.stack}`
      expect(found === undefined ? 0 : exitCodeOf(found), told).toBe(7)
      const { message, facts } = found!
      const entry = frames.findIndex(({ from, to }) => from <= position && position < to)
      if (entry >= 0) {
        expect(facts['index'], told).toBe(entry)
        expect(message, told).toContain(`entry ${entry}`)
      }
      if (flip >= FLIPS_TOLD) continue
      fs.writeFileSync(pool.at('altered'), altered)
      const done = await pool.run('--json', '--home', pool.at('no home'), 'log', 'verify', pool.at('altered'))
      expect(done.code, told).toBe(7)
      expect(failureOf(done), told).toMatchObject({ message, facts: entry < 0 ? {} : { index: entry } })
    }
  })

  it('comes back from kill -9 of everything to the same head and the same block', async () => {
    await pool.up()
    const after = await anchored(pool)
    expect([after.log, after.anchored, after.chain]).toEqual([before.log, before.anchored, before.chain])
    expect(await pool.json<Verdict>('log', 'verify')).toMatchObject({ verified: true, chainAsked: true })
  })

  it('has members whose next command, a read or a write, exits 7 where the tracker’s folder is an older copy', async () => {
    const commands = {
      'a read': [
        ['ls', '/home'],
        ['mkdir', '/home/new'],
      ],
      'a write': [
        ['mkdir', '/home/new'],
        ['cat', '/home/of-alice'],
      ],
    }
    await pool.down()
    const yesterday = pool.at('yesterday')
    fs.cpSync(tracker(), yesterday, { recursive: true })
    await pool.up()
    for (const member of ['alice', 'bob']) await putNamed(pool, `${member} today`, member)
    await anchored(pool)
    await pool.down()
    const today = pool.at('today')
    fs.renameSync(tracker(), today)
    fs.cpSync(yesterday, tracker(), { recursive: true })
    await pool.up()
    for (const member of ['alice', 'bob'])
      for (const [first, list] of Object.entries(commands)) {
        // What one command noticed would be known to the next: each order has a home that knows what this one does.
        const home = pool.at(`${member} ${first}`)
        fs.cpSync(pool.home(member), home, { recursive: true })
        for (const command of list) {
          const done = await pool.run('--json', '--home', home, ...command)
          const told = `${member}: ${command.join(' ')}: ${done.stdout}${done.stderr}`
          expect(done.code, told).toBe(7)
          const { evidence } = failureOf(done).facts
          expect(evidence, told).toContain(home)
          expect(fs.statSync(evidence!).size).toBeGreaterThan(100)
        }
      }
    // The true folder again: what was only rolled back, and nowhere signed anew, is believed again.
    await pool.down()
    fs.rmSync(tracker(), { recursive: true })
    fs.renameSync(today, tracker())
    await pool.up()
    for (const home of [pool.home(), ...Object.keys(commands).map((first) => pool.at(`alice ${first}`))])
      expect((await pool.run('--home', home, 'cat', '/home/alice today')).stdout).toBe('alice today')
  })
})
