/**
 * A provider's weight in the draw, as the contract computes it (docs/spec/contracts.md). Invariants: amounts are whole units, rounded
 * down; a weight is written anew only when something moved by more than 2 %, by the same rule everywhere.
 */
import { MAX_WEIGHT } from './weight-tree.ts'

/** Bytes of a unit: fine enough for a disk of a GiB; an eighth of the pool may hold 4 PiB. */
export const UNIT_BYTES = 1024 * 1024
/** Free bytes that a provider is believed to have beyond as many as it is known to hold. */
export const RAMP_BYTES = 256 * 1024 ** 3
/** Of a provider that failed no audit. */
export const FULL_SCORE = 10_000
/** 2 %: what moves less isn't written. */
const STILL_PARTS = 50

/** Of one provider, in units. */
export interface Holding {
  readonly capacity: number
  readonly used: number
  /** What it is known to hold. */
  readonly proven: number
  /** 0 to FULL_SCORE. */
  readonly score: number
}

/** Whole units of so many bytes, at most 32 bits. */
export function unitsOf(bytes: number): number {
  return Math.min(MAX_WEIGHT, Math.floor(bytes / UNIT_BYTES))
}

/** Free units, at most what is proven and the ramp, less what failed audits take. */
export function weightFor({ capacity, used, proven, score }: Holding, ramp: number): number {
  return Math.floor((Math.min(Math.max(0, capacity - used), ramp + proven) * score) / FULL_SCORE)
}

/** Whether a value moved by more than 2 % of `whole`. */
export function hasMoved(from: number, to: number, whole: number): boolean {
  return Math.abs(from - to) * STILL_PARTS > whole
}

/** Whether a report changes what is held: another capacity, or use or weight by more than 2 %. */
export function reportMoves(
  held: Holding & { readonly weight: number },
  { capacity, used }: Pick<Holding, 'capacity' | 'used'>,
  ramp: number,
): boolean {
  const weight = weightFor({ ...held, capacity, used }, ramp)
  return (
    capacity !== held.capacity ||
    hasMoved(held.used, used, held.capacity) ||
    hasMoved(held.weight, weight, held.weight)
  )
}
