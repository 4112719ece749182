/** Checks the promises of `Ledger` on any adapter. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../core/open/bytes.ts'
import {
  ConflictError,
  DeniedError,
  NotEnoughProvidersError,
  NotFoundError,
  UsageError,
} from '../core/open/errors.ts'
import type { Ledger } from './ledger.ts'
import type { NameSigner } from './ledger-names.ts'
import type { LedgerProvider, ReportSigner } from './ledger-providers.ts'

interface LedgerUnderTest {
  /** New and empty, no admitter; unit 1 MiB, ramp 1,000 units. */
  readonly ledger: Ledger
  /** The same pool, written to with a key that isn't the anchoring one. */
  readonly stranger: Ledger
  readonly names: NameSigner
  readonly reports: ReportSigner
  cleanUp(): Promise<void>
}

function bytes(length: number, fill: number): Uint8Array {
  return new Uint8Array(length).fill(fill)
}

function id(text: string, i: number): Uint8Array {
  const out = new Uint8Array(32)
  out.set(new TextEncoder().encode(text))
  out[31] = i + 1
  return out
}

const key = (i: number): Uint8Array => id('key', i)
const plain = (head: unknown): unknown =>
  JSON.parse(JSON.stringify(head, (_, value) => (value instanceof Uint8Array ? toHex(value) : value)))

export function ledgerConformance(name: string, setup: () => Promise<LedgerUnderTest>): void {
  describe(`${name} keeps the promises of a ledger`, () => {
    let under: LedgerUnderTest
    let ledger: Ledger
    beforeAll(async () => {
      under = await setup()
      ledger = under.ledger
    })
    afterAll(() => under.cleanUp())

    test('names are first come, and their members never change', async () => {
      const { names, stranger } = under
      const claim = await names.signClaim(key(1), { name: 'anna', member: id('member', 1) })
      expect(await ledger.nameRecord('anna')).toBeUndefined()
      await expect(stranger.registerName(claim)).rejects.toThrow(DeniedError)
      const receipt = await ledger.registerName(claim)
      expect(receipt.transaction).toHaveLength(32)
      expect(await ledger.nameRecord('anna')).toEqual({
        name: 'anna',
        member: claim.member,
        owner: names.addressOf(key(1)),
        rotations: 0,
      })
      expect(await ledger.nameOf(claim.owner)).toBe('anna')
      expect((await ledger.registerName(claim)).transaction).toBeUndefined()
      const later = await names.signClaim(key(2), { name: 'anna', member: id('member', 2) })
      await expect(ledger.registerName(later)).rejects.toThrow(ConflictError)
      const second = await names.signClaim(key(1), { name: 'anna-2', member: id('member', 1) })
      await expect(ledger.registerName(second)).rejects.toThrow(ConflictError)
    })

    test('nobody registers for another owner, under another name or member', async () => {
      const { names } = under
      const claim = await names.signClaim(key(3), { name: 'bert', member: id('member', 3) })
      for (const forged of [
        { ...claim, owner: names.addressOf(key(4)) },
        { ...claim, name: 'berta' },
        { ...claim, member: id('member', 4) },
        { ...claim, signature: bytes(65, 27) },
        { ...claim, signature: bytes(64, 1) },
      ])
        await expect(ledger.registerName(forged)).rejects.toThrow(DeniedError)
    })

    test.each(['ab', 'a'.repeat(33), 'Anna', 'ann a', 'änna', ''])('%j is no name', async (name) => {
      const claim = await under.names.signClaim(key(5), { name, member: id('member', 5) })
      await expect(ledger.registerName(claim)).rejects.toThrow(UsageError)
    })

    test('the holder rotates the owner, and an old signature does it once', async () => {
      const { names } = under
      await ledger.registerName(await names.signClaim(key(6), { name: 'cleo', member: id('member', 6) }))
      const rotation = await names.signRotation(key(6), key(7), 'cleo', 0)
      await expect(ledger.rotateOwner({ ...rotation, signature: rotation.nextSignature })).rejects.toThrow(
        DeniedError,
      )
      await expect(ledger.rotateOwner({ ...rotation, nextSignature: rotation.signature })).rejects.toThrow(
        DeniedError,
      )
      await expect(ledger.rotateOwner({ ...rotation, name: 'nobody' })).rejects.toThrow(NotFoundError)
      await ledger.rotateOwner(rotation)
      const held = await ledger.nameRecord('cleo')
      expect(held).toMatchObject({ member: id('member', 6), owner: names.addressOf(key(7)), rotations: 1 })
      expect(await ledger.nameOf(names.addressOf(key(6)))).toBeUndefined()
      await ledger.rotateOwner(await names.signRotation(key(7), key(6), 'cleo', 1))
      await expect(ledger.rotateOwner(rotation)).rejects.toThrow(DeniedError)
    })

    test('heads rise, are found by index and size, and only the anchor writes them', async () => {
      expect(await ledger.latestHead()).toBeUndefined()
      expect(await ledger.headUpTo(10)).toBeUndefined()
      await expect(under.stranger.anchor(5, id('root', 5))).rejects.toThrow(DeniedError)
      await expect(ledger.anchor(0, id('root', 0))).rejects.toThrow(ConflictError)
      const receipt = await ledger.anchor(5, id('root', 5))
      expect((await ledger.anchor(5, id('root', 5))).transaction).toBeUndefined()
      await expect(ledger.anchor(5, id('root', 6))).rejects.toThrow(ConflictError)
      await expect(ledger.anchor(4, id('root', 4))).rejects.toThrow(ConflictError)
      await ledger.anchor(2 ** 40, id('root', 40))
      expect(await ledger.headCount()).toBe(2)
      const first = await ledger.headAt(0)
      expect(first).toMatchObject({ index: 0, size: 5, root: id('root', 5), block: receipt.block.number })
      expect(plain(await ledger.latestHead())).toEqual(plain(await ledger.headAt(1)))
      expect(await ledger.headAt(2)).toBeUndefined()
      expect((await ledger.headUpTo(4))?.size).toBeUndefined()
      expect((await ledger.headUpTo(5))?.size).toBe(5)
      expect((await ledger.headUpTo(2 ** 40 - 1))?.size).toBe(5)
      expect((await ledger.headUpTo(2 ** 41))?.size).toBe(2 ** 40)
      expect((await ledger.latestHead(receipt.block.number))?.size).toBe(5)
    })

    test('epochs rise', async () => {
      const [a, b] = [id('space', 1), id('space', 2)]
      expect(await ledger.epochOf(a)).toBe(0)
      await ledger.raiseEpochs([
        { space: a, epoch: 3 },
        { space: b, epoch: 1 },
      ])
      expect([await ledger.epochOf(a), await ledger.epochOf(b)]).toEqual([3, 1])
      expect((await ledger.raiseEpochs([{ space: a, epoch: 3 }])).transaction).toBeUndefined()
      await expect(ledger.raiseEpochs([{ space: a, epoch: 2 }])).rejects.toThrow(ConflictError)
      await expect(under.stranger.raiseEpochs([{ space: a, epoch: 9 }])).rejects.toThrow(DeniedError)
      const many = Array.from({ length: 65 }, (_, i) => ({ space: id('many', i), epoch: 1 }))
      await expect(ledger.raiseEpochs(many)).rejects.toThrow(UsageError)
    })

    test('providers are admitted, report, are assessed, drawn and retired', async () => {
      const { reports, stranger } = under
      const admission = (i: number) => ({
        id: id('provider', i),
        endpointKey: id('net', i),
        operator: id('operator', i >> 1),
        domain: id('operator', i >> 1),
        reporter: reports.addressOf(key(100 + i)),
      })
      await expect(stranger.admitProvider(admission(0))).rejects.toThrow(DeniedError)
      const before = (await ledger.status()).chain.block.number
      for (let i = 0; i < 6; i++) await ledger.admitProvider(admission(i))
      await expect(ledger.admitProvider({ ...admission(0), endpointKey: id('net', 9) })).rejects.toThrow(
        ConflictError,
      )
      expect((await ledger.admitProvider(admission(0))).transaction).toBeUndefined()
      const draw = {
        seed: bytes(32, 7),
        count: 3,
        maxPerDomain: 1,
        skipped: [] as Uint8Array[],
        held: [] as Uint8Array[],
      }
      await expect(ledger.pick(draw)).rejects.toThrow(NotEnoughProvidersError)

      const report = async (i: number, capacity: number, used: number, seq: number) => {
        const body = { id: id('provider', i), capacity, used, seq }
        return { ...body, signature: await reports.signReport(key(100 + i), body) }
      }
      const weightOf = async (i: number): Promise<LedgerProvider> => {
        const found = await ledger.provider(id('provider', i))
        if (found === undefined) throw new Error('no such provider')
        return found
      }
      const wrong = { ...(await report(0, 500, 0, 1)), capacity: 501 }
      const reporter = reports.addressOf(key(100))
      expect(await ledger.isReportSigned(await report(0, 500, 0, 1), reporter)).toBe(true)
      expect(await ledger.isReportSigned(wrong, reporter)).toBe(false)
      expect(await ledger.isReportSigned(await report(0, 500, 0, 1), reports.addressOf(key(101)))).toBe(false)
      for (const signature of [bytes(63, 1), bytes(64, 1), bytes(64, 255), bytes(65, 27)])
        expect(await ledger.isReportSigned({ ...wrong, signature }, reporter)).toBe(false)
      await expect(ledger.reportCapacity([wrong])).rejects.toThrow(DeniedError)
      const first = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => report(i, 500 + 100 * i, 100, 1)))
      await expect(stranger.reportCapacity(first)).rejects.toThrow(DeniedError)
      await ledger.reportCapacity(first)
      expect(await weightOf(0)).toMatchObject({
        capacity: 500,
        used: 100,
        weight: 400,
        seq: 1,
        score: 10_000,
      })
      // No write where nothing moves by more than 2 %, nor for what was said before.
      expect((await ledger.reportCapacity([await report(0, 500, 108, 2)])).transaction).toBeUndefined()
      expect((await ledger.reportCapacity([first[0]!])).transaction).toBeUndefined()
      await ledger.reportCapacity([await report(0, 500, 150, 3)])
      expect(await weightOf(0)).toMatchObject({ used: 150, weight: 350, seq: 3 })
      // Beyond the ramp only what is proven.
      await ledger.reportCapacity([await report(1, 9_000, 100, 2)])
      expect((await weightOf(1)).weight).toBe(1_000)
      await ledger.assessProviders([{ id: id('provider', 1), proven: 500, score: 10_000 }])
      expect((await weightOf(1)).weight).toBe(1_500)
      await ledger.assessProviders([{ id: id('provider', 1), proven: 500, score: 5_000 }])
      expect((await weightOf(1)).weight).toBe(750)
      await expect(
        ledger.assessProviders([{ id: id('provider', 1), proven: 1, score: 10_001 }]),
      ).rejects.toThrow(UsageError)
      await expect(
        stranger.assessProviders([{ id: id('provider', 1), proven: 1, score: 0 }]),
      ).rejects.toThrow(DeniedError)

      const all = await ledger.providers()
      expect([all.unit, all.ramp]).toEqual([1024 * 1024, 1_000])
      expect(await ledger.spread()).toMatchObject({ fullest: expect.any(Number), emptiest: 2 })
      expect((await ledger.spread()).fullest).toBeGreaterThan(2)
      expect(all.domains.map(toHex)).toEqual([0, 1, 2].map((i) => toHex(id('operator', i))))
      expect(all.providers.map(({ slot }) => slot)).toEqual([0, 1, 64, 65, 128, 129])

      const picked = await ledger.pick(draw)
      expect(plain(await ledger.pick(draw, picked.block))).toEqual(plain(picked))
      expect(picked.perDomain).toBe(1)
      const operators = picked.providers.map(
        (p) => all.providers.find(({ id }) => toHex(id) === toHex(p))!.operator,
      )
      expect(new Set(operators.map(toHex)).size).toBe(3)
      const without = await ledger.pick({ ...draw, count: 5, skipped: [picked.providers[0]!] })
      expect(without.providers.map(toHex)).not.toContain(toHex(picked.providers[0]!))
      expect(without.perDomain).toBe(2)
      const beside = await ledger.pick({ ...draw, count: 2, held: [id('operator', 0)] })
      expect(beside.providers.map(toHex)).not.toContain(toHex(id('provider', 0)))
      await expect(ledger.pick({ ...draw, skipped: [bytes(32, 9)] })).rejects.toThrow(NotFoundError)

      await expect(stranger.retireProvider(id('provider', 5))).rejects.toThrow(DeniedError)
      await ledger.retireProvider(id('provider', 5))
      expect(await weightOf(5)).toMatchObject({ retired: true, weight: 0 })
      expect((await ledger.retireProvider(id('provider', 5))).transaction).toBeUndefined()
      expect((await ledger.reportCapacity([await report(5, 900, 0, 5)])).transaction).toBeUndefined()
      await expect(ledger.retireProvider(bytes(32, 9))).rejects.toThrow(NotFoundError)
      expect(await ledger.provider(bytes(32, 9))).toBeUndefined()

      const newest = (await ledger.status()).chain.block.number
      const history = await ledger.weightHistory(before)
      for (let block = before; block <= newest; block++) {
        const state = await ledger.providers(block)
        const past = history(block)
        const weights = state.providers.map(({ id, slot, weight }) => [toHex(id), slot, weight])
        expect(past.providers.map(({ id, slot, weight }) => [toHex(id), slot, weight])).toEqual(weights)
        expect(past.domains.map(toHex)).toEqual(state.domains.map(toHex))
      }
      await expect(ledger.weightHistory(newest + 1_000).then((at) => at(newest + 1_000))).rejects.toThrow(
        NotFoundError,
      )
      await expect(ledger.pick({ ...draw, count: 6 })).rejects.toThrow(NotEnoughProvidersError)
    })

    test('its status names the chain, and what was spent', async () => {
      const status = await ledger.status()
      expect(status.chain.id).toBe(ledger.binding.chainId)
      expect(status.chain.block.hash).toHaveLength(32)
      expect(status.chain.final.number).toBeLessThanOrEqual(status.chain.block.number)
      expect(status.gasSpent).toBeGreaterThan(0)
      const { number, hash } = status.chain.block
      expect(plain(await ledger.blockHash(number))).toBe(plain(hash))
      expect(await ledger.blockHash(number + 1_000)).toBeUndefined()
      expect(ledger.reportContract).toHaveLength(20)
      expect(ledger.binding.directory).toHaveLength(20)
      expect(ledger.binding.codeHash).toHaveLength(32)
      expect(ledger.binding.anchor).toHaveLength(20)
    })
  })
}
