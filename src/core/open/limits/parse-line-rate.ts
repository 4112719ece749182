import { UsageError } from '../errors.ts'
import { parseByteSize } from '../parse-byte-size.ts'

/**
 * The smallest rate, bytes a second. A widest stripe is sent to 14 providers, three at once; each of these 42 connections still brings what
 * counts as progress (16 KiB in 15 s), and a heartbeat gets its part of the line in time.
 */
export const MIN_LINE_RATE = 64 * 1024

const BITS: Readonly<Record<string, number>> = { '': 1 / 8, k: 1e3 / 8, m: 1e6 / 8, g: 1e9 / 8 }

/** Bytes a second of `2MB/s`, `512KiB/s`, `512KB`, `16Mbit/s`; throws UsageError, also for rates under MIN_LINE_RATE. */
export function parseLineRate(text: string): number {
  const rate = unitsOf(text.trim().replace(/\s*\/\s*s$/i, ''), text)
  if (rate < MIN_LINE_RATE)
    throw new UsageError(
      `${JSON.stringify(text)} is too little to work with: the smallest limit is ${MIN_LINE_RATE / 1024}KiB/s (0.53Mbit/s)`,
      { least: MIN_LINE_RATE },
    )
  return rate
}

function unitsOf(amount: string, text: string): number {
  const [, digits, prefix] = /^(\d+(?:\.\d+)?)\s*([kmg]?)bits?$/i.exec(amount) ?? []
  if (digits !== undefined && prefix !== undefined)
    return Math.floor(Number(digits) * BITS[prefix.toLowerCase()]!)
  if (/[kmg]b$|[kmg]bps$/i.test(amount) && !/[kmgKMG]B$/.test(amount))
    throw new UsageError(
      `${JSON.stringify(text)} may mean bits or bytes: write MB/s for bytes or Mbit/s for bits`,
    )
  try {
    return parseByteSize(amount)
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause
    throw new UsageError(
      `${JSON.stringify(text)} is no rate; write it like 2MB/s, 512KiB/s or 16Mbit/s, or off`,
      {},
      { cause },
    )
  }
}
