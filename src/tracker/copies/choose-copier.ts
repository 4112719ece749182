import { toHex } from '../../core/open/bytes.ts'
import { COPIES_SHARE } from '../../core/open/stripes/copies.ts'

/** A provider that might keep a copy. */
export interface Copier {
  readonly id: Uint8Array
  readonly operator: Uint8Array
  /** Bytes that nobody has reserved. */
  readonly free: number
  /** Copies that it keeps already. */
  readonly copies: number
}

export interface CopyOf {
  /** Of the shard. */
  readonly bytes: number
  /** Ids of the providers that hold any shard of its stripe. */
  readonly stripeHolders: readonly Uint8Array[]
  /** Operators of those who serve this shard now, holders and copies. */
  readonly servedBy: readonly Uint8Array[]
}

/**
 * Who should keep a copy, undefined where nobody has the room: rather not a provider that holds another shard of the stripe, which
 * is read as much; not another one of an operator who serves the shard already: his line is what is short; then who has the fewest
 * copies and, of these, the most free.
 */
export function chooseCopier(candidates: readonly Copier[], { bytes, ...of }: CopyOf): Copier | undefined {
  const holders = new Set(of.stripeHolders.map(toHex))
  const operators = new Set(of.servedBy.map(toHex))
  const burden = ({ id, operator }: Copier) =>
    (holders.has(toHex(id)) ? 2 : 0) + (operators.has(toHex(operator)) ? 1 : 0)
  return candidates
    .filter(({ free, copies }) => (copies + 1) * bytes * COPIES_SHARE <= free)
    .toSorted((a, b) => burden(a) - burden(b) || a.copies - b.copies || b.free - a.free)[0]
}
