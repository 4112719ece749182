import { CapacityError, UsageError } from '../../core/open/errors.ts'
import type { MapLeaf } from '../../core/open/log/map/map-node.ts'
import { MAP_PREFIX_BYTES } from '../../core/open/log/map/map-key.ts'
import type { MapRange } from '../../core/open/log/map/map-proof.ts'
import { pageOfPrefix, pointRange, proveMap } from '../../core/open/log/map/map-proof.ts'
import { leafAt } from '../../core/open/log/map/map-tree.ts'
import type { ServedHead } from '../../core/open/log/heads/verify-head.ts'
import type { Context } from '../../ports/rpc.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'
import { requireInsider } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'
import { currentHead, proofOf } from './serve-head.ts'

/** Leaves of prefixes in one answer, 64 bytes each. */
const MAX_PAGE_LEAVES = 16_384
/** Bytes of entries in one answer; points alone may bring more. */
const MAX_PAGE_ENTRY_BYTES = 2 * 1024 * 1024
const MAX_ENTRY_BYTES = 3 * 1024 * 1024

export interface MapProofRequest {
  readonly from?: number | undefined
  readonly covers?: number | undefined
  readonly points: readonly Uint8Array[]
  readonly prefixes: readonly Uint8Array[]
  readonly entries: boolean
}

/** What stands in the map of the served head at these keys, under these prefixes; throws UsageError for ranges that overlap. */
export async function mapProof(
  state: TrackerState,
  request: MapProofRequest,
  context: Context,
): Promise<{ head?: ServedHead; proof: Uint8Array; lasts: Uint8Array[]; entries: Uint8Array[] }> {
  requireInsider(state, context)
  if (request.points.length + request.prefixes.length === 0)
    throw new UsageError('a proof of the map is of some keys')
  const head = await currentHead(state, request.covers, context.signal)
  const { map, checkpoint } = head
  return state.store.read((tables) => {
    const found = new Gathered(tables, request.entries)
    const ranges: MapRange[] = request.points.map(pointRange)
    for (const key of request.points) found.add(leafAt(map, key), MAX_ENTRY_BYTES)
    const lasts: Uint8Array[] = []
    for (const first of request.prefixes) {
      const prefix = first.subarray(0, MAP_PREFIX_BYTES)
      const page = pageOfPrefix(map, prefix, Math.max(1, MAX_PAGE_LEAVES - found.leaves), first)
      const last = found.addPage(page.leaves) ?? page.range.last
      lasts.push(last)
      ranges.push({ first, last })
    }
    const proof = proveMap(state.primitives.sha256, map, ranges)
    const isKnown = request.from === checkpoint.size
    return {
      ...(isKnown ? {} : { head: proofOf(state, head, request.from) }),
      proof,
      lasts,
      entries: found.entries(),
    }
  })
}

/** The entries that leaves name, each once, within a number of bytes. */
class Gathered {
  readonly #tables: TrackerReader
  readonly #wanted: boolean
  readonly #entries = new Map<number, Uint8Array>()
  #bytes = 0
  leaves = 0

  constructor(tables: TrackerReader, wanted: boolean) {
    this.#tables = tables
    this.#wanted = wanted
  }

  add(leaf: MapLeaf | undefined, limit: number): void {
    if (leaf !== undefined && !this.#take(leaf, limit))
      throw new CapacityError('these keys have more entries than one answer holds: ask for fewer')
  }

  /** Takes a page's leaves until they would be too many bytes; returns the last key that was taken when some are left. */
  addPage(leaves: readonly MapLeaf[]): Uint8Array | undefined {
    for (const [i, leaf] of leaves.entries()) {
      if (!this.#take(leaf, i === 0 ? Infinity : MAX_PAGE_ENTRY_BYTES)) return leaves[i - 1]?.key
      this.leaves++
    }
    return undefined
  }

  /** In the order of their indices. */
  entries(): Uint8Array[] {
    return [...this.#entries].sort(([a], [b]) => a - b).map(([, leaf]) => leaf)
  }

  #take({ index }: MapLeaf, limit: number): boolean {
    if (!this.#wanted || this.#entries.has(index)) return true
    const entry = this.#tables.proofs.leaf(index)?.leaf
    if (entry === undefined) throw new CapacityError('an entry that the map names is missing', { index })
    if (this.#bytes + entry.length > limit) return false
    this.#entries.set(index, entry)
    this.#bytes += entry.length
    return true
  }
}
