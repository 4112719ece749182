/** Attacks 1 and 34, their part about names: who is behind a name is what log, map and ledger agree on, or nobody is. */
import * as fs from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createMemoryLedger } from '../../src/adapters/memory/memory-ledger.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { exitCodeOf } from '../../src/apps/cli/exit-codes.ts'
import type { Client } from '../../src/client/client.ts'
import { bindLedger } from '../../src/client/log/ledger/ledger-binding.ts'
import { evidenceCodec } from '../../src/client/log/log-evidence.ts'
import { memberNamed } from '../../src/client/log/ledger/member-name.ts'
import { admitMembers } from '../../src/client/membership/admit-members.ts'
import { claimName } from '../../src/client/membership/claim-name.ts'
import { equalBytes, toHex } from '../../src/core/open/bytes.ts'
import { ConflictError, NotFoundError, UnreachableError, UntrustedError } from '../../src/core/open/errors.ts'
import { entryCodec } from '../../src/core/open/log/entry.ts'
import { inviteHash } from '../../src/core/open/objects/identity.ts'
import * as logMethods from '../../src/core/open/protocol/log-methods.ts'
import * as methods from '../../src/core/open/protocol/tracker-methods.ts'
import type { WithLedger } from '../../src/ports/ledger.ts'
import { errorOf, expectCaught } from '../fixtures/log/log-victim.ts'
import { Meddler, meddlingTransport } from '../fixtures/meddling-transport.ts'
import { newcomer } from '../fixtures/newcomer.ts'
import { until } from '../fixtures/processes/process-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'
import type { TestPool } from '../fixtures/test-pool.ts'

const chain = createMemoryLedger({ primitives: nodePrimitives })
const { ledger } = chain
const KEY = new Uint8Array(32).fill(1)
const MALLORY = new Uint8Array(32).fill(13)

let pool: TestPool
let client: Client
let tracker: Meddler
/** How the client reaches the chain. */
let withLedger: WithLedger
const honest: WithLedger = (_chain, use) => use(ledger)

beforeAll(async () => {
  pool = await startTestPool({ providers: 0, ledger: async () => ledger })
  await until(() =>
    bindLedger(pool.alice).then(
      () => true,
      (error: unknown) => {
        // The tracker opens its ledger in the background.
        if (!(error instanceof NotFoundError)) throw error
        return undefined
      },
    ),
  )
})
afterAll(() => pool.close())
beforeEach(async () => {
  tracker = new Meddler()
  withLedger = honest
  client = await pool.client({
    wrap: (transport) => meddlingTransport(transport, pool.tracker.peerId, tracker),
    withLedger: (pinned, use) => withLedger(pinned, use),
  })
})
afterEach(() => client.close())

const waiting = (name: string) => newcomer(pool.alice.identity.pool, name)

async function squat(name: string): Promise<Uint8Array> {
  const member = new Uint8Array(32).fill(name.charCodeAt(0))
  const claim = await chain.names.signClaim(nodePrimitives.sha256(member), { name, member })
  await ledger.registerName(claim)
  return member
}

describe('34: the chain gives a name to somebody else', () => {
  test('before and after its holder claims it', async () => {
    const before = await memberNamed(client, 'alice')
    expect(before).toMatchObject({ name: 'alice', ledger: { state: 'absent' } })
    expect(equalBytes(before.member, pool.alice.identity.member)).toBe(true)
    expect(await claimName(client, { key: KEY, signerFor: async () => chain.names })).toMatchObject({
      block: undefined,
    })
    const after = await until(async () => {
      const found = await memberNamed(client, 'alice')
      return found.ledger.state === 'registered' ? found : undefined
    })
    expect(equalBytes(after.member, before.member)).toBe(true)
    // An operator of the chain who writes another history into it.
    withLedger = (_chain, use) =>
      use({
        ...ledger,
        nameRecord: async (name) => ({ name, member: MALLORY, owner: MALLORY.slice(12), rotations: 0 }),
      })
    const error = await expectCaught(
      memberNamed(client, 'alice'),
      /one member's in the log and another's on the ledger/,
    )
    const kept = evidenceCodec.decode(fs.readFileSync(error.facts['evidence'] as string))
    expect(kept.name).toMatchObject({ name: 'alice', chainId: ledger.binding.chainId })
    expect([kept.name!.held, kept.name!.member].map(toHex)).toEqual([MALLORY, before.member].map(toHex))
    // What the log says is in there too: the entry with the record that the name leads to, proven under a head that the log signed.
    expect(toHex(entryCodec.decode(kept.entries[0]!).body)).toContain(
      toHex(new TextEncoder().encode('alice')),
    )
    expect(kept.served).toBeDefined()
  })

  test('a newcomer whose name is squatted there is not admitted; the others are', async () => {
    const [mallet, nobody] = [await waiting('mallet'), await waiting('wendy')]
    await squat('mallet')
    const rows = [mallet, nobody]
    tracker.on(methods.pendingMembers, ({ invites }) => ({
      pending: rows
        .map(({ secret, mac, record }) => ({ invite: inviteHash(nodePrimitives, secret), mac, record }))
        .filter(({ invite }) => invites.some((asked) => equalBytes(asked, invite))),
    }))
    const admitted: Uint8Array[] = []
    tracker.on(methods.admitMember, ({ admit }) => {
      admitted.push(admit[0])
      return {}
    })
    const secrets = rows.map(({ secret }) => secret)
    await expectCaught(admitMembers(client, secrets))
    expect(admitted).toEqual([])
    const refused: UntrustedError[] = []
    const done = await admitMembers(client, secrets, (error) => refused.push(error))
    expect(done.map(({ name }) => name)).toEqual(['wendy'])
    expect([refused.length, admitted.length]).toEqual([1, 1])
    expect(exitCodeOf(refused[0])).toBe(7)
  })

  test('a chain that is away accuses nobody, and contracts that were not pinned are refused', async () => {
    withLedger = async () => {
      throw new UnreachableError('no node')
    }
    expect((await memberNamed(client, 'alice')).ledger).toEqual({ state: 'unasked', why: 'no node' })
    withLedger = async () => {
      throw new UntrustedError("this is not the pool's chain")
    }
    expect(exitCodeOf(await errorOf(memberNamed(client, 'alice')))).toBe(7)
  })
})

describe('1: the tracker puts another member behind a name', () => {
  test('in its answer about the map', async () => {
    tracker.on(logMethods.mapProof, async (request, ask) => {
      const answer = await ask()
      if (request.points.length !== 1) return answer
      const stranger = await waiting('alice')
      const entries = answer.entries.map((bytes) => {
        const entry = entryCodec.decode(bytes)
        return entryCodec.encode({ ...entry, body: stranger.record[0], signatures: stranger.record[1] })
      })
      return { ...answer, entries }
    })
    expect(exitCodeOf(await errorOf(memberNamed(client, 'alice')))).toBe(7)
  })

  test('by saying that nobody has it', async () => {
    expect(await errorOf(memberNamed(client, 'nobody'))).toBeInstanceOf(NotFoundError)
    const other = await client.log.prove({ points: [new Uint8Array(32)], prefixes: [] })
    tracker.on(logMethods.mapProof, async (_request, ask) => ({
      ...(await ask()),
      proof: other.proof,
      entries: [],
    }))
    expect(exitCodeOf(await errorOf(memberNamed(client, 'alice')))).toBe(7)
  })

  test('and a ledger of its own gets no claim', async () => {
    const signed: unknown[] = []
    tracker.on(logMethods.ledgerStatus, async (_request, ask) => {
      const answer = await ask()
      return {
        ...answer,
        ledger: { ...answer.ledger!, directory: MALLORY.slice(12), names: MALLORY.slice(12) },
      }
    })
    withLedger = async () => {
      throw new UnreachableError('no node')
    }
    const signerFor = async (domain: unknown) => {
      signed.push(domain)
      return chain.names
    }
    await expectCaught(claimName(client, { key: KEY, signerFor }), /than the pool is bound to/)
    expect(signed).toEqual([])
    // With the pinned directory, and another registry than its own: what is signed then is worth nothing, and is refused.
    tracker.on(logMethods.ledgerStatus, async (_request, ask) => {
      const answer = await ask()
      return { ...answer, ledger: { ...answer.ledger!, names: MALLORY.slice(12) } }
    })
    expect(await errorOf(claimName(client, { key: KEY, signerFor }))).toBeInstanceOf(ConflictError)
    // A client that asks the chain needs nobody's word.
    withLedger = honest
    await claimName(client, { key: KEY, signerFor })
    expect(signed.at(-1)).toEqual({ chainId: ledger.binding.chainId, contract: ledger.nameContract })
  })
})
