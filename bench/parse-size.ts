const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

/** Bytes of `512MiB`, `1GB` and the like; throws a TypeError for anything else. */
export function parseSize(text: string): number {
  const [, digits, unit = 'B'] = /^(\d+(?:\.\d+)?)\s*([a-zA-Z]+)?$/.exec(text) ?? []
  const factor = UNITS[unit]
  if (digits === undefined || factor === undefined)
    throw new TypeError(`${text} is no size: write 512MiB or 1GB`)
  return Math.round(Number(digits) * factor)
}
