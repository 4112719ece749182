/** Somebody from whom a shard can be had. */
export interface Source {
  readonly index: number
  /** Data shards need no decoding. */
  readonly isData: boolean
  /** Its provider is up as far as the tracker knows. */
  readonly isUp: boolean
  /** It failed us a moment ago, or hasn't been reached yet though it has been dialled for a while. */
  readonly isShunned: boolean
  /** ms until the whole shard would be here; undefined where nothing at all was measured yet. */
  readonly expectedMs: number | undefined
}

/** Parity has to be better than data by this factor: decoding costs CPU. */
const PARITY_FACTOR = 1.25
/** Ranges are asked of their holder unless decoding is expected to be better by this factor, and by this many ms: it moves more bytes. */
const DECODING_FACTOR = 2
const DECODING_GAIN_MS = 250

/** Lower is better: first who is there, then who will be done first. */
function costOf({ isData, isUp, isShunned, expectedMs = 0 }: Source): readonly [number, number] {
  return [(isUp ? 0 : 2) + (isShunned ? 1 : 0), expectedMs * (isData ? 1 : PARITY_FACTOR)]
}

/** The sources, the best first; equal ones data before parity, then by index. */
export function rankSources<S extends Source>(sources: readonly S[]): S[] {
  return sources
    .map((source) => ({ source, cost: costOf(source) }))
    .sort(
      (a, b) =>
        a.cost[0] - b.cost[0] ||
        a.cost[1] - b.cost[1] ||
        Number(b.source.isData) - Number(a.source.isData) ||
        a.source.index - b.source.index,
    )
    .map(({ source }) => source)
}

/**
 * Whether bytes that should be here after `directMs` (the last of them) are better had by decoding, from the best `k` of these sources, over a line that
 * needs `lineMs` for them. Where nothing is known they are not.
 */
export function isBetterDecoded(
  directMs: number | undefined,
  sources: readonly Source[],
  k: number,
  lineMs = 0,
): boolean {
  const there = sources.filter(({ isUp, isShunned }) => isUp && !isShunned)
  const chosen = rankSources(there).slice(0, k)
  if (directMs === undefined || chosen.length < k) return false
  const decodedMs = Math.max(lineMs, ...chosen.map(({ expectedMs = 0 }) => expectedMs))
  return directMs > decodedMs * DECODING_FACTOR && directMs > decodedMs + DECODING_GAIN_MS
}
