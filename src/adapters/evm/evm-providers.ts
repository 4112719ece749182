import type { Hex } from 'viem'
import { hexToBytes } from 'viem'
import { drawSlots } from '../../core/open/placement/balancer.ts'
import { equalBytes } from '../../core/open/bytes.ts'
import { DeniedError, NotFoundError, UntrustedError } from '../../core/open/errors.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { PlacementTree } from '../../core/open/placement/placement.ts'
import { hasMoved, reportMoves, weightFor } from '../../core/open/placement/provider-weight.ts'
import { SLOTS_PER_DOMAIN } from '../../core/open/placement/weight-tree.ts'
import type {
  CapacityReport,
  LedgerDraw,
  LedgerPick,
  LedgerProvider,
  LedgerProviderReader,
  LedgerProviderWriter,
  LedgerProviders,
} from '../../ports/ledger-providers.ts'
import type { ChainReader } from './chain-reader.ts'
import { writeTo } from './contract-write.ts'
import type { PoolContracts } from './pool-contracts.ts'
import type { Transactor } from './transactor.ts'
import { admissionMessage, hexOf, reportSignature } from './typed-data.ts'
import { weightHistory } from './weight-history.ts'

/** Domains asked for at once. */
const WIDTH = 16

interface Listed {
  readonly id: Hex
  readonly provider: {
    readonly capacity: number
    readonly used: number
    readonly proven: number
    readonly seq: number
    readonly slot: number
    readonly score: number
    readonly retired: boolean
    readonly reporter: Hex
    readonly endpointKey: Hex
    readonly operator: Hex
  }
  readonly weight: number
}

export function providerMethods(
  contracts: PoolContracts,
  writer: () => Transactor,
  reader: ChainReader,
  primitives: Pick<Primitives, 'sha256'>,
): LedgerProviderReader & LedgerProviderWriter {
  const { providers: registry, balancer, unitBytes, ramp } = contracts
  const domain = { chainId: contracts.binding.chainId, contract: hexToBytes(registry.address) }
  const provider = async (id: Uint8Array, block?: number): Promise<LedgerProvider | undefined> => {
    try {
      const listed = await registry.view('providerOf', [hexOf(id)], block)
      const domain = await registry.view(
        'domainAt',
        [Math.floor(listed.provider.slot / SLOTS_PER_DOMAIN)],
        block,
      )
      return providerOf(listed, hexToBytes(domain))
    } catch (error) {
      if (error instanceof NotFoundError && block === undefined) return undefined
      if (error instanceof NotFoundError && error.facts['block'] === undefined) return undefined
      throw error
    }
  }
  const providers = async (block?: number): Promise<LedgerProviders> => {
    const at = block ?? (await reader.head()).number
    const count = await balancer.view('domains', [], at)
    const found: LedgerProvider[][] = []
    const domains: Uint8Array[] = []
    for (let from = 0; from < count; from += WIDTH) {
      const indexes = Array.from({ length: Math.min(WIDTH, count - from) }, (_, i) => from + i)
      const part = await Promise.all(indexes.map((domain) => registry.view('providersIn', [domain], at)))
      for (const [domain, listed] of part) {
        domains.push(hexToBytes(domain))
        found.push(listed.map((one) => providerOf(one, hexToBytes(domain))))
      }
    }
    return { unit: unitBytes, ramp, providers: found.flat(), domains, block: at }
  }
  return {
    provider,
    providers,
    async weightHistory(oldest) {
      const addresses = { balancer: balancer.address, providers: registry.address }
      return weightHistory(reader, addresses, await providers(), oldest)
    },
    reportContract: domain.contract,
    async isReportSigned(report, reporter) {
      return (await reportSignature(domain, report, reporter)) !== undefined
    },
    async spread(block) {
      const [isRebalancing, rounds, fullest, emptiest] = await balancer.view('spread', [], block)
      return {
        isRebalancing,
        rounds: Number(rounds),
        fullest: Number(fullest),
        emptiest: Number(emptiest),
      }
    },
    async pick(draw, block): Promise<LedgerPick> {
      const state = await providers(block)
      const tree = new PlacementTree(state)
      const request = requestOf(tree, draw)
      const [slots, perDomain] = await balancer.view(
        'pick',
        [
          hexOf(request.seed),
          BigInt(request.count),
          BigInt(request.maxPerDomain),
          request.skipped,
          request.held,
        ],
        state.block,
      )
      const own = drawSlots(primitives, tree.weights, request)
      if (own.slots.join() !== slots.join() || own.perDomain !== Number(perDomain))
        throw new UntrustedError('the node’s draw is not the one that its weights give', {
          block: state.block,
        })
      const drawn = own.slots.map((slot) => tree.idAt(slot))
      return { providers: drawn, perDomain: own.perDomain, block: state.block }
    },
    admitProvider(admission) {
      const signature = admission.signature === undefined ? '0x' : hexOf(admission.signature)
      const data = registry.data('admit', [admissionMessage(admission), signature])
      return writeTo(writer(), registry, data, async () => {
        const held = await provider(admission.id)
        return (
          held !== undefined &&
          equalBytes(held.endpointKey, admission.endpointKey) &&
          equalBytes(held.operator, admission.operator) &&
          equalBytes(held.domain, admission.domain) &&
          equalBytes(held.reporter, admission.reporter)
        )
      })
    },
    retireProvider: (id) =>
      writeTo(writer(), registry, registry.data('retire', [hexOf(id)]), async () =>
        Boolean((await provider(id))?.retired),
      ),
    async reportCapacity(reports) {
      const entries = await Promise.all(
        reports.map(async (report) => ({
          id: hexOf(report.id),
          capacity: report.capacity,
          used: report.used,
          seq: report.seq,
          signature: hexOf(await signatureOf(report)),
        })),
      )
      return writeTo(writer(), registry, registry.data('report', [entries]), () =>
        every(reports, async (report) => takenIn(report, await provider(report.id))),
      )
    },
    assessProviders(assessments) {
      const entries = assessments.map(({ id, proven, score }) => ({ id: hexOf(id), proven, score }))
      return writeTo(writer(), registry, registry.data('assess', [entries]), () =>
        every(assessments, async ({ id, proven, score }) => {
          const held = await provider(id)
          if (held === undefined) return false
          if (held.proven === proven && held.score === score) return true
          const weight = weightFor({ ...held, proven, score }, ramp)
          return !hasMoved(held.weight, weight, held.weight)
        }),
      )
    },
  }

  async function signatureOf(report: CapacityReport): Promise<Uint8Array> {
    const held = await provider(report.id)
    const signature = held === undefined ? undefined : await reportSignature(domain, report, held.reporter)
    if (signature === undefined)
      throw new DeniedError('a capacity report is not signed by the key that the ledger knows', {
        provider: report.id,
      })
    return signature
  }

  /** Whether the ledger has this report, a newer one, or a state that it wouldn't move. */
  async function takenIn(report: CapacityReport, held: LedgerProvider | undefined): Promise<boolean> {
    if (held === undefined) return false
    return held.retired || held.seq >= report.seq || !reportMoves(held, report, ramp)
  }
}

/** The draw in slots and domain indexes; NotFoundError for a provider that the ledger doesn't know. */
function requestOf(tree: PlacementTree, draw: LedgerDraw) {
  const skipped = draw.skipped.map((id) => {
    const slot = tree.slotOf(id)
    if (slot === undefined)
      throw new NotFoundError('the ledger doesn’t know a provider that is skipped', { provider: id })
    return slot
  })
  return {
    seed: draw.seed,
    count: draw.count,
    maxPerDomain: draw.maxPerDomain,
    skipped: [...new Set(skipped)].sort((a, b) => a - b),
    // A domain without providers here takes part in nothing.
    held: draw.held.flatMap((domain) => tree.domainOf(domain) ?? []),
  }
}

function providerOf({ id, provider, weight }: Listed, domain: Uint8Array): LedgerProvider {
  return {
    id: hexToBytes(id),
    slot: provider.slot,
    endpointKey: hexToBytes(provider.endpointKey),
    operator: hexToBytes(provider.operator),
    domain,
    reporter: hexToBytes(provider.reporter),
    capacity: provider.capacity,
    used: provider.used,
    proven: provider.proven,
    score: provider.score,
    seq: provider.seq,
    weight,
    retired: provider.retired,
  }
}

async function every<T>(items: readonly T[], holds: (item: T) => Promise<boolean>): Promise<boolean> {
  for (const item of items) if (!(await holds(item))) return false
  return true
}
