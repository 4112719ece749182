/**
 * Attack 15, and what pins keep besides: a tracker that lowers what had been agreed on (suite, witnesses) or serves an older state of
 * what only rises (epochs, members' records), against an unmodified client.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { exitCodeOf } from '../../src/apps/cli/exit-codes.ts'
import type { Client } from '../../src/client/client.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { equalBytes, toHex } from '../../src/core/open/bytes.ts'
import { UntrustedError } from '../../src/core/open/errors.ts'
import { ENTRY_KIND, entryCodec, entryHash, headsCodec } from '../../src/core/open/log/entry.ts'
import { pointRange, proveMap } from '../../src/core/open/log/map/map-proof.ts'
import { MapTree } from '../../src/core/open/log/map/map-tree.ts'
import { verifyMapProof } from '../../src/core/open/log/map/verify-map-proof.ts'
import { operationCodec } from '../../src/core/open/objects/operation.ts'
import * as logMethods from '../../src/core/open/protocol/log-methods.ts'
import * as methods from '../../src/core/open/protocol/tracker-methods.ts'
import type { FastClock } from '../fixtures/log/log-victim.ts'
import { errorOf, expectCaught, names, openVictim, startVictimPool } from '../fixtures/log/log-victim.ts'
import type { Meddler } from '../fixtures/meddling-transport.ts'
import type { TestPool } from '../fixtures/test-pool.ts'

const { sha256 } = nodePrimitives

let pool: TestPool
let tracker: Meddler
let client: Client
let clock: FastClock

beforeAll(async () => {
  pool = await startVictimPool()
})
afterAll(() => pool.close())
beforeEach(async () => {
  ;({ client, tracker, clock } = await openVictim(pool))
})
afterEach(() => client.close())

describe('15: the suite', () => {
  test('operations of another one, a lower or one that nobody knows', async () => {
    for (const suite of [0, 2]) {
      tracker.on(methods.listChildren, async (_, ask) => {
        const answer = await ask()
        const bent = answer.operations.map((view) => {
          const body = view.signed[0].slice()
          // A map, key 0, v, key 1, suite.
          expect([...body.subarray(1, 5)]).toEqual([0, 1, 1, 1])
          body[4] = suite
          expect(() => operationCodec.decode(body)).toThrow()
          return { ...view, signed: [body, view.signed[1]] as const }
        })
        return { ...answer, operations: bent }
      })
      await expectCaught(names(client, '/home/a'))
    }
  })

  test('a home that has seen a higher minimum is of no use to a program that knows only lower ones', async () => {
    await client.log.update((pins) => ({ ...pins, minimumSuite: 2 }))
    await client.close()
    client = await pool.reopen(client)
    for (const work of [names(client, '/home/a'), makeFolder(client, { path: '/home/a/x' })]) {
      const error = await errorOf(work)
      expect(error).toBeInstanceOf(UntrustedError)
      expect(exitCodeOf(error)).toBe(7)
      expect(error.message).toMatch(/asks for suite 2/)
    }
  })
})

describe('15: the witnesses', () => {
  test('one is left out of the list, and the proof is made anew without it', async () => {
    const before = await client.log.pins()
    expect(before.witnesses).toHaveLength(4)
    let isLeftOut = false
    tracker.on(logMethods.mapProof, async (request, ask) => {
      const answer = await ask({ ...request, from: undefined })
      const { body } = entryCodec.decode(answer.head!.leaf)
      const ranges = [
        ...request.points.map(pointRange),
        ...request.prefixes.map((first, i) => ({ first, last: answer.lasts[i]! })),
      ]
      const leaves = verifyMapProof(sha256, headsCodec.decode(body).map, ranges, answer.proof)
      const isWitness = ({ value }: { value: Uint8Array }) =>
        answer.entries.some(
          (entry) =>
            entryCodec.decode(entry).kind === ENTRY_KIND.providerRecord &&
            equalBytes(entryHash(sha256, entry), value),
        )
      const out = leaves.find(isWitness)
      if (out === undefined) return answer
      isLeftOut = true
      const tree = new MapTree(sha256, { page: () => undefined }, new Uint8Array(0))
      tree.update(leaves.filter((leaf) => leaf !== out).map((leaf, index) => ({ ...leaf, index })))
      return { ...answer, proof: proveMap(sha256, tree, ranges) }
    })
    await expectCaught(names(client, '/home/a'), /map/)
    expect(isLeftOut).toBe(true)
    expect((await client.log.pins()).witnesses).toEqual(before.witnesses)
  })

  test('an honest operator is said to be the one that runs the log, whose witnesses never count', async () => {
    await names(client, '/home/a')
    const { witnesses, tracker: operator } = await client.log.pins()
    tracker.on(logMethods.listWitnesses, async (_, ask) => ({
      ...(await ask()),
      tracker: witnesses[0]!.operator,
    }))
    // Past the time after which the client looks at the list again.
    clock.passed += 3_600_000
    await names(client, '/home/a')
    expect(toHex((await client.log.pins()).tracker)).toBe(toHex(operator))
  })
})

describe('what only rises', () => {
  test('epochs: another than the log’s, and an older one than was seen', async () => {
    await names(client, '/home/a')
    const { spaces } = await client.log.pins()
    expect(spaces.map(({ epoch }) => epoch)).toEqual([1, 1])
    for (const epoch of [0, 2]) {
      tracker.on(methods.listSpaces, async (_, ask) => ({
        spaces: (await ask()).spaces.map((view) => ({ ...view, epoch })),
      }))
      await expectCaught(names(client, '/home/a'), epoch === 0 ? /older epoch/ : /another epoch/)
    }
    tracker.honest()
    await client.log.update((pins) => ({
      ...pins,
      spaces: pins.spaces.map(({ space }) => ({ space, epoch: 3 })),
    }))
    await expectCaught(names(client, '/home/a'), /older epoch/)
    await expectCaught(makeFolder(client, { path: '/home/a/x' }), /older epoch/)
  })

  test('a member’s record that is older than the one that was seen', async () => {
    await names(client, '/home/a')
    const { contacts } = await client.log.pins()
    expect(contacts.map(({ member }) => toHex(member))).toEqual([toHex(client.identity.member)])
    await client.log.update((pins) => ({
      ...pins,
      contacts: pins.contacts.map(({ member, seq }) => ({ member, seq: seq + 1 })),
    }))
    await client.close()
    client = await pool.reopen(client)
    await expectCaught(names(client, '/home/a'), /older record/)
  })

  test('versions of nodes, though the map says the same', async () => {
    await names(client, '/home/a')
    const { id } = await client.trees.resolve('/home/a/one')
    await client.log.versions.see(id, 9)
    await expectCaught(names(client, '/home/a'), /older version/)
  })
})
