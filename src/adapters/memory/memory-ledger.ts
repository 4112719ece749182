/**
 * A ledger without a chain, for tests and the simulator: the contracts' rules in memory, each write a block. Signatures are not
 * curves here but hashes of key and message: they fail like real ones do, and prove nothing.
 */
import { drawSlots } from '../../core/open/placement/balancer.ts'
import { concatBytes, equalBytes, toHex, utf8 } from '../../core/open/bytes.ts'
import {
  CapacityError,
  ConflictError,
  DeniedError,
  NotFoundError,
  UsageError,
} from '../../core/open/errors.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { PlacementTree } from '../../core/open/placement/placement.ts'
import {
  FULL_SCORE,
  UNIT_BYTES,
  hasMoved,
  reportMoves,
  weightFor,
} from '../../core/open/placement/provider-weight.ts'
import { SLOTS_PER_DOMAIN } from '../../core/open/placement/weight-tree.ts'
import type { AnchoredHead, Ledger } from '../../ports/ledger.ts'
import type { LedgerBinding, Receipt } from '../../ports/ledger-chain.ts'
import type { LedgerName, NameSigner } from '../../ports/ledger-names.ts'
import type {
  CapacityReport,
  LedgerProvider,
  LedgerSpread,
  ReportSigner,
} from '../../ports/ledger-providers.ts'

export interface MemoryLedgerOptions {
  readonly primitives: Pick<Primitives, 'sha256'>
  readonly unitBytes?: number
  /** Units. */
  readonly ramp?: number
}

export interface MemoryLedgerPool {
  readonly ledger: Ledger
  /** The same pool, as somebody sees it who may not write. */
  readonly stranger: Ledger
  readonly names: NameSigner
  readonly reports: ReportSigner
}

const MAX_BATCH = 64
const NAME = /^[a-z0-9-]{3,32}$/

interface State {
  readonly block: number
  readonly names: ReadonlyMap<string, LedgerName>
  readonly providers: readonly LedgerProvider[]
  readonly domains: readonly Uint8Array[]
  readonly heads: readonly AnchoredHead[]
  readonly epochs: ReadonlyMap<string, number>
}

export function createMemoryLedger(options: MemoryLedgerOptions): MemoryLedgerPool {
  const { primitives, unitBytes = UNIT_BYTES, ramp = 2 ** 32 - 1 } = options
  const hash = (...parts: readonly Uint8Array[]): Uint8Array => primitives.sha256(concatBytes(...parts))
  const number = (value: number): Uint8Array => utf8(`${value};`)
  const addressOf = (key: Uint8Array): Uint8Array => hash(utf8('address'), key).slice(0, 20)
  const sign = (address: Uint8Array, message: Uint8Array): Uint8Array => {
    const half = hash(utf8('signature'), address, message)
    return concatBytes(half, half, new Uint8Array([27]))
  }
  const check = (address: Uint8Array, message: Uint8Array, signature: Uint8Array): void => {
    if (!equalBytes(sign(address, message), signature))
      throw new DeniedError('a signature is not its signer’s')
  }
  const claimOf = (name: string, member: Uint8Array, owner: Uint8Array) => hash(utf8(name), member, owner)
  const rotationOf = (name: string, owner: Uint8Array, next: Uint8Array, rotations: number) =>
    hash(utf8(`rotate ${name}`), owner, next, number(rotations))
  const signReport = (reporter: Uint8Array, report: Omit<CapacityReport, 'signature'>): Uint8Array => {
    const { id, capacity, used, seq } = report
    return sign(reporter, hash(id, number(capacity), number(used), number(seq))).slice(0, 64)
  }

  const blockHash = (block: number): Uint8Array => hash(utf8('block'), number(block))
  const binding: LedgerBinding = {
    chainId: 1_337,
    directory: addressOf(utf8('directory')),
    codeHash: hash(utf8('code')),
    anchor: addressOf(utf8('anchor')),
  }
  const states: State[] = [
    { block: 0, names: new Map(), providers: [], domains: [], heads: [], epochs: new Map() },
  ]
  const at = (block?: number): State => {
    const state = states[block ?? states.length - 1]
    if (state === undefined) throw new NotFoundError('no such block')
    return state
  }
  const receipt = (transaction: Uint8Array | undefined): Receipt => {
    const { block } = at()
    return {
      block: { number: block, hash: blockHash(block) },
      transaction,
      gas: transaction === undefined ? 0 : 1,
    }
  }
  const nothing = (): Receipt => receipt(undefined)
  const commit = (change: Partial<State>): Receipt => {
    states.push({ ...at(), ...change, block: states.length })
    return receipt(blockHash(states.length))
  }
  const providerAt = (id: Uint8Array): LedgerProvider => {
    const found = at().providers.find((provider) => equalBytes(provider.id, id))
    if (found === undefined) throw new NotFoundError('the ledger has no such provider')
    return found
  }
  const withProvider = (list: readonly LedgerProvider[], next: LedgerProvider) =>
    list.map((provider) => (provider.slot === next.slot ? next : provider))
  const limit = (list: readonly unknown[]): void => {
    if (list.length > MAX_BATCH) throw new UsageError('too many entries at once', { count: list.length })
  }
  const named = (owner: Uint8Array): boolean =>
    [...at().names.values()].some((record) => equalBytes(record.owner, owner))

  const ledgerFor = (mayWrite: boolean): Ledger => {
    let gasSpent = 0
    const write = async (run: () => Receipt): Promise<Receipt> => {
      if (!mayWrite) throw new DeniedError('this key is not the pool’s anchoring one')
      const done = run()
      gasSpent += done.gas
      return done
    }
    return {
      binding,
      status: async () => {
        const block = { number: at().block, hash: blockHash(at().block) }
        return { chain: { id: binding.chainId, kind: 'embedded', block, final: block }, gasSpent }
      },
      nameContract: addressOf(utf8('names')),
      blockHash: async (block) => (states[block] === undefined ? undefined : blockHash(block)),
      weightHistory: async (oldest) => {
        at(oldest)
        return (block) => at(block)
      },
      reportContract: addressOf(utf8('providers')),
      isReportSigned: async ({ id, capacity, used, seq, signature }, reporter) =>
        equalBytes(signReport(reporter, { id, capacity, used, seq }), signature),
      spread: async (block) => spreadOf(at(block).providers),
      nameRecord: async (name, block) => at(block).names.get(name),
      nameOf: async (owner, block) =>
        [...at(block).names.values()].find((record) => equalBytes(record.owner, owner))?.name,
      registerName: ({ name, member, owner, signature }) =>
        write(() => {
          if (!NAME.test(name))
            throw new UsageError('a member name has 3 to 32 letters a-z, digits and hyphens')
          const held = at().names.get(name)
          if (held !== undefined && equalBytes(held.member, member) && equalBytes(held.owner, owner))
            return nothing()
          if (held !== undefined || named(owner)) throw new ConflictError('the name or the owner is taken')
          check(owner, claimOf(name, member, owner), signature)
          return commit({ names: new Map(at().names).set(name, { name, member, owner, rotations: 0 }) })
        }),
      rotateOwner: ({ name, next, signature, nextSignature }) =>
        write(() => {
          const held = at().names.get(name)
          if (held === undefined) throw new NotFoundError('the ledger has no such name')
          if (equalBytes(held.owner, next)) return nothing()
          if (named(next)) throw new ConflictError('this owner has a name already')
          const message = rotationOf(name, held.owner, next, held.rotations)
          check(held.owner, message, signature)
          check(next, message, nextSignature)
          return commit({
            names: new Map(at().names).set(name, { ...held, owner: next, rotations: held.rotations + 1 }),
          })
        }),
      providers: async (block) => {
        const state = at(block)
        return {
          unit: unitBytes,
          ramp,
          providers: state.providers,
          domains: state.domains,
          block: state.block,
        }
      },
      provider: async (id, block) => at(block).providers.find((provider) => equalBytes(provider.id, id)),
      pick: async (draw, block) => {
        const state = at(block)
        const tree = new PlacementTree(state)
        const slotOf = (id: Uint8Array): number => {
          const found = tree.slotOf(id)
          if (found === undefined)
            throw new NotFoundError('the ledger doesn’t know a provider that is skipped')
          return found
        }
        const { slots, perDomain } = drawSlots(primitives, tree.weights, {
          ...draw,
          skipped: [...new Set(draw.skipped.map(slotOf))].sort((a, b) => a - b),
          held: draw.held.flatMap((domain) => tree.domainOf(domain) ?? []),
        })
        return { providers: slots.map((slot) => tree.idAt(slot)), perDomain, block: state.block }
      },
      admitProvider: ({ id, endpointKey, operator, domain, reporter }) =>
        write(() => {
          const same = at().providers.find((provider) => equalBytes(provider.id, id))
          if (same !== undefined) {
            const pairs = [
              [same.endpointKey, endpointKey],
              [same.operator, operator],
              [same.domain, domain],
              [same.reporter, reporter],
            ] as const
            if (pairs.every(([held, given]) => equalBytes(held, given))) return nothing()
            throw new ConflictError('the provider is in the ledger already')
          }
          const { domains, providers } = at()
          const known = domains.findIndex((other) => equalBytes(other, domain))
          const index = known < 0 ? domains.length : known
          const place = providers.filter((other) => equalBytes(other.domain, domain)).length
          if (place === SLOTS_PER_DOMAIN) throw new CapacityError('a failure domain has 64 providers at most')
          const provider: LedgerProvider = {
            id,
            slot: index * SLOTS_PER_DOMAIN + place,
            endpointKey,
            operator,
            domain,
            reporter,
            capacity: 0,
            used: 0,
            proven: 0,
            score: FULL_SCORE,
            seq: 0,
            weight: 0,
            retired: false,
          }
          return commit({
            domains: known < 0 ? [...domains, domain] : domains,
            providers: [...providers, provider].sort((a, b) => a.slot - b.slot),
          })
        }),
      retireProvider: (id) =>
        write(() => {
          const provider = providerAt(id)
          if (provider.retired) return nothing()
          return commit({
            providers: withProvider(at().providers, { ...provider, retired: true, weight: 0 }),
          })
        }),
      reportCapacity: (reports) =>
        write(() => {
          limit(reports)
          let list = at().providers
          for (const { id, capacity, used, seq, signature } of reports) {
            const held = providerAt(id)
            if (held.retired || seq <= held.seq) continue
            if (!equalBytes(signReport(held.reporter, { id, capacity, used, seq }), signature))
              throw new DeniedError('a signature is not its signer’s')
            if (!reportMoves(held, { capacity, used }, ramp)) continue
            const next = { ...held, capacity, used, seq }
            list = withProvider(list, { ...next, weight: weightFor(next, ramp) })
          }
          return list === at().providers ? nothing() : commit({ providers: list })
        }),
      assessProviders: (assessments) =>
        write(() => {
          limit(assessments)
          let list = at().providers
          for (const { id, proven, score } of assessments) {
            if (score > FULL_SCORE) throw new UsageError('a score is 10,000 at most')
            const next = { ...providerAt(id), proven, score }
            if (next.retired) throw new ConflictError('the provider was retired')
            const weight = weightFor(next, ramp)
            if (hasMoved(next.weight, weight, next.weight)) list = withProvider(list, { ...next, weight })
          }
          return list === at().providers ? nothing() : commit({ providers: list })
        }),
      headCount: async (block) => at(block).heads.length,
      latestHead: async (block) => at(block).heads.at(-1),
      headAt: async (index, block) => at(block).heads[index],
      headUpTo: async (size, block) => at(block).heads.findLast((head) => head.size <= size),
      anchor: (size, root) =>
        write(() => {
          const { heads, block } = at()
          if (heads.some((head) => head.size === size && equalBytes(head.root, root))) return nothing()
          if (size <= (heads.at(-1)?.size ?? 0))
            throw new ConflictError('the ledger has a head of this size or a larger one')
          return commit({
            heads: [...heads, { index: heads.length, size, root, block: block + 1, time: block + 1 }],
          })
        }),
      epochOf: async (space, block) => at(block).epochs.get(toHex(space)) ?? 0,
      raiseEpochs: (epochs) =>
        write(() => {
          limit(epochs)
          const next = new Map(at().epochs)
          const same = epochs.every(({ space, epoch }) => next.get(toHex(space)) === epoch)
          if (same) return nothing()
          for (const { space, epoch } of epochs) {
            if (epoch <= (next.get(toHex(space)) ?? 0))
              throw new ConflictError('the ledger has this epoch or a newer one')
            next.set(toHex(space), epoch)
          }
          return commit({ epochs: next })
        }),
      close: async () => {},
    }
  }

  return {
    ledger: ledgerFor(true),
    stranger: ledgerFor(false),
    names: {
      addressOf,
      signClaim: async (key, { name, member }) => {
        const owner = addressOf(key)
        return { name, member, owner, signature: sign(owner, claimOf(name, member, owner)) }
      },
      signRotation: async (key, nextKey, name, rotations) => {
        const [owner, next] = [addressOf(key), addressOf(nextKey)]
        const message = rotationOf(name, owner, next, rotations)
        return { name, next, signature: sign(owner, message), nextSignature: sign(next, message) }
      },
    },
    reports: {
      addressOf,
      signReport: async (key, { id, capacity, used, seq }) =>
        signReport(addressOf(key), { id, capacity, used, seq }),
    },
  }
}

/** The levels of the living that have a capacity; there are no rounds here. */
function spreadOf(providers: readonly LedgerProvider[]): LedgerSpread {
  const levels = providers
    .filter(({ retired, capacity }) => !retired && capacity > 0)
    .map(({ capacity, used }) => Math.min(200, Math.floor((used * 200) / capacity)))
  return {
    isRebalancing: false,
    rounds: 0,
    fullest: Math.max(0, ...levels),
    emptiest: levels.length === 0 ? 0 : Math.min(...levels),
  }
}
