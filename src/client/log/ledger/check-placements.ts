/**
 * Whether stripes lie where the ledger's draw put them (docs/spec/placement.md). Invariants:
 * - a placement counts as drawn only when its block is the chain's and the weights there give exactly these providers.
 * - what can't be recomputed is told apart, never counted as right: drawn from reports, a block that the node forgot, no record.
 */
import { equalBytes, toHex } from '../../../core/open/bytes.ts'
import { AllmendError, NotFoundError, UntrustedError } from '../../../core/open/errors.ts'
import type { PlacementDraw } from '../../../core/open/placement/placement.ts'
import {
  PlacementTree,
  SKIPPED,
  isDrawn,
  placementDrawCodec,
} from '../../../core/open/placement/placement.ts'
import type { StripeView } from '../../../core/open/protocol/tracker-methods.ts'
import { MAX_DRAWN_STRIPES, stripeDraws } from '../../../core/open/protocol/tracker-methods.ts'
import type { LedgerReader } from '../../../ports/ledger.ts'
import type { Client } from '../../client.ts'
import { listedStripes } from '../../fetch/listed-stripes.ts'

/** The chain, asked by this client itself. */
export type PlacementChain = Pick<LedgerReader, 'blockHash' | 'weightHistory'>

export type PlacementState =
  /** The chain's weights at the recorded block give these providers. */
  | 'drawn'
  /** They don't, or it isn't the chain's block, or somebody holds a shard who wasn't drawn. */
  | 'wrong'
  /** Drawn from what providers reported to the tracker: only the tracker knew that. */
  | 'by-reports'
  /** The chain wasn't asked, or its node has forgotten the block. */
  | 'unchecked'
  /** Placed before draws were recorded. */
  | 'unrecorded'

export interface CheckedPlacement {
  /** Stripe id, hexadecimal. */
  readonly stripe: string
  readonly state: PlacementState
  /** Of a wrong or unchecked one. */
  readonly why?: string
  /** Block of the draw for all of its shards. */
  readonly block?: number
  /** Shards that were placed anew. */
  readonly replaced: number
  /** Providers left out of its draws, by why. */
  readonly skipped: Readonly<Record<keyof typeof SKIPPED, number>>
}

export interface PlacementCheck {
  readonly placements: readonly CheckedPlacement[]
  /** Stripes of the caller's spaces, of which these are a sample. */
  readonly stripes: number
  /** The chain was asked. */
  readonly chainAsked: boolean
  /** A wrong one was found; the evidence is kept. */
  readonly fault: UntrustedError | undefined
}

interface Sampled {
  readonly space: Uint8Array
  readonly view: StripeView
}

interface Recorded extends Sampled {
  readonly draws: readonly PlacementDraw[]
  /** The tracker's answer with them. */
  readonly answer: Uint8Array
}

type Weights = Awaited<ReturnType<PlacementChain['weightHistory']>>

/** Recomputes the placements of a random sample of the stripes in the caller's spaces. */
export async function checkPlacements(
  client: Client,
  chain: PlacementChain | undefined,
  sample: number,
): Promise<PlacementCheck> {
  const { chosen, stripes } = await sampleStripes(client, sample)
  const recorded = await recordsOf(client, chosen)
  const history = chain && (await Blocks.of(chain, recorded))
  const placements: CheckedPlacement[] = []
  let fault: UntrustedError | undefined
  for (const one of recorded) {
    const placement = await checkOne(client, one, history)
    placements.push(placement)
    if (placement.state === 'wrong')
      fault ??= await client.log.mistrust(
        `a stripe does not lie where the ledger’s draw puts it: ${placement.why ?? ''}`,
        { answer: [stripeDraws.id, one.answer] },
        { stripe: placement.stripe },
      )
  }
  return { placements, stripes, chainAsked: chain !== undefined, fault }
}

/** `sample` of all stripes, each as likely as any other, however many there are. */
async function sampleStripes(
  client: Client,
  sample: number,
): Promise<{ chosen: Sampled[]; stripes: number }> {
  const chosen: Sampled[] = []
  let stripes = 0
  for (const { space } of (await client.trees.roots()).values()) {
    for await (const page of listedStripes(client, space.id))
      for (const view of page.stripes) {
        stripes++
        if (chosen.length < sample) chosen.push({ space: space.id, view })
        else {
          const place = below(client, stripes)
          if (place < sample) chosen[place] = { space: space.id, view }
        }
      }
  }
  return { chosen, stripes }
}

/** A random number below `count`, which is below 2^32; its bias is below one in 2^20. */
function below({ random }: Client, count: number): number {
  const bytes = random.bytes(6)
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(2) % count
}

async function recordsOf(client: Client, chosen: readonly Sampled[]): Promise<Recorded[]> {
  const records: Recorded[] = []
  for (const [, list] of Map.groupBy(chosen, ({ space }) => toHex(space))) {
    const { space } = list[0]!
    for (let from = 0; from < list.length;) {
      const part = list.slice(from, from + MAX_DRAWN_STRIPES)
      const request = { space, stripes: part.map(({ view }) => view.id) }
      const response = await client.tracker.call(stripeDraws, request)
      const { draws } = response
      if (draws.length === 0 || draws.length > part.length)
        throw new UntrustedError('the tracker tells the draws of more or fewer stripes than it was asked for')
      const answer = stripeDraws.response.encode(response)
      for (const [i, encoded] of draws.entries())
        records.push({ ...part[i]!, draws: encoded.map((draw) => placementDrawCodec.decode(draw)), answer })
      from += draws.length
    }
  }
  return records
}

/** What the chain says of the recorded blocks. Nothing here is the tracker's fault: what a node throws goes through. */
class Blocks {
  readonly #chain: PlacementChain
  readonly #weights: Weights | string
  readonly #hashes = new Map<number, Promise<Uint8Array | undefined>>()
  readonly #trees = new Map<number, PlacementTree>()

  constructor(chain: PlacementChain, weights: Weights | string) {
    this.#chain = chain
    this.#weights = weights
  }

  static async of(chain: PlacementChain, recorded: readonly Recorded[]): Promise<Blocks> {
    const numbers = recorded.flatMap(({ draws }) => draws.flatMap(({ block }) => block?.[0] ?? []))
    if (numbers.length === 0) return new Blocks(chain, 'no block was named')
    try {
      return new Blocks(chain, await chain.weightHistory(Math.min(...numbers)))
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
      return new Blocks(chain, error.message)
    }
  }

  /** The hash; undefined for a block that the node doesn't know. */
  hashOf(block: number): Promise<Uint8Array | undefined> {
    const hash = this.#hashes.get(block) ?? this.#chain.blockHash(block)
    this.#hashes.set(block, hash)
    return hash
  }

  /** Words where the node has forgotten. */
  treeAt(block: number): PlacementTree | string {
    if (typeof this.#weights === 'string') return this.#weights
    const tree = this.#trees.get(block) ?? new PlacementTree(this.#weights(block))
    this.#trees.set(block, tree)
    return tree
  }
}

async function checkOne(
  client: Client,
  { view, draws }: Recorded,
  blocks: Blocks | undefined,
): Promise<CheckedPlacement> {
  const first = draws.find(({ attempt }) => attempt === 0)
  const told = {
    stripe: toHex(view.id),
    ...(first?.block === undefined ? {} : { block: first.block[0] }),
    replaced: draws.filter((draw) => draw !== first).length,
    skipped: skippedIn(draws),
  }
  if (draws.length === 0) return { ...told, state: 'unrecorded' }
  const misplaced = whyMisplaced(view, draws)
  if (misplaced !== undefined) return { ...told, state: 'wrong', why: misplaced }
  const found = await Promise.all(draws.map((draw) => checkDraw(client, view, draw, blocks)))
  for (const state of ['wrong', 'unchecked', 'by-reports'] as const) {
    const worst = found.find((one) => one.state === state)
    if (worst !== undefined) return { ...told, ...worst }
  }
  return { ...told, state: 'drawn' }
}

async function checkDraw(
  { primitives }: Client,
  { id, stripe }: StripeView,
  draw: PlacementDraw,
  blocks: Blocks | undefined,
): Promise<Pick<CheckedPlacement, 'state' | 'why'>> {
  if (draw.block === undefined) return { state: 'by-reports' }
  if (blocks === undefined) return { state: 'unchecked', why: 'the chain was not asked' }
  const [number, hash] = draw.block
  const found = await blocks.hashOf(number)
  if (found === undefined) return { state: 'unchecked', why: `the node doesn’t know block ${number}` }
  if (!equalBytes(found, hash))
    return { state: 'wrong', why: `the chain’s block ${number} is another than the recorded one` }
  const tree = blocks.treeAt(number)
  if (typeof tree === 'string') return { state: 'unchecked', why: tree }
  try {
    if (isDrawn(primitives, tree, { stripe: id, scheme: stripe }, draw)) return { state: 'drawn' }
    return { state: 'wrong', why: `the weights at block ${number} give other providers` }
  } catch (error) {
    // Pure computation: what can't be drawn wasn't.
    if (!(error instanceof AllmendError)) throw error
    return { state: 'wrong', why: error.message }
  }
}

/** Each shard must be held by the provider that the newest draw for it chose, and draws be of this stripe's shards; else why not. */
function whyMisplaced({ stripe, holders }: StripeView, draws: readonly PlacementDraw[]): string | undefined {
  const newest = new Map<number, { readonly attempt: number; readonly provider: Uint8Array }>()
  for (const { indices, chosen, attempt } of draws) {
    const isWhole = attempt === 0 && indices.length === stripe.n && indices.every((index, i) => index === i)
    const isOne = attempt > 0 && indices.length === 1 && indices[0]! < stripe.n
    if (!(isWhole || isOne) || chosen.length !== indices.length)
      return 'a draw is neither for all shards of the stripe nor for one'
    for (const [i, index] of indices.entries())
      if ((newest.get(index)?.attempt ?? -1) < attempt) newest.set(index, { attempt, provider: chosen[i]! })
  }
  const [stray] =
    holders.find(([index, provider]) => {
      const drawn = newest.get(index)
      return drawn === undefined || !equalBytes(drawn.provider, provider)
    }) ?? []
  return stray === undefined ? undefined : `shard ${stray} is held by a provider that was not drawn for it`
}

function skippedIn(draws: readonly PlacementDraw[]): CheckedPlacement['skipped'] {
  const reasons = draws.flatMap(({ skipped }) => skipped.map(([, why]) => why))
  const count = (why: number) => reasons.filter((reason) => reason === why).length
  return { down: count(SKIPPED.down), full: count(SKIPPED.full), excluded: count(SKIPPED.excluded) }
}
