const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Fewer of a unit are told in a smaller one. */
const LEAST = 2

/** How long something is ago, for people: in the largest unit of which there are two at least. */
export function formatAge(ms: number): string {
  for (const [unit, name] of [
    [DAY, 'd'],
    [HOUR, 'h'],
    [MINUTE, 'min'],
  ] as const)
    if (ms >= LEAST * unit) return `${Math.floor(ms / unit)} ${name}`
  return `${Math.floor(ms / SECOND)} s`
}
