import { UsageError } from './errors.ts'

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** Bytes of `10GB`, `1.5TiB`, `4096`; throws UsageError. */
export function parseByteSize(text: string): number {
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$/.exec(text) ?? []
  const factor = UNITS[(unit ?? '').toLowerCase()]
  const bytes =
    digits === undefined || factor === undefined ? Number.NaN : Math.floor(Number(digits) * factor)
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new UsageError(`${JSON.stringify(text)} is no size; write it like 10GB, 500MB or 1.5TiB`)
  return bytes
}
