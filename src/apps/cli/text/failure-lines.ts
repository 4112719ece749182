import { printable } from './printable.ts'

/** Names told for one reason; `--json` tells all. */
const MAX_NAMES = 20

/** What failed, told by reason: the reason once, then the names that it holds for. `done` is what was not done to them. */
export function failureLines(
  done: string,
  failures: readonly { readonly path: string; readonly error: { readonly message: string } }[],
): string[] {
  const byReason = Map.groupBy(failures, ({ error }) => error.message)
  return [...byReason].flatMap(([reason, found]) => {
    const [first, ...others] = found.map(({ path }) => printable(path))
    const told = others.slice(0, MAX_NAMES)
    const more = others.length - told.length
    return [
      `allmend: ${done}: ${first}: ${printable(reason)}`,
      ...(told.length > 0 ? [`  the same for ${others.length} more:`] : []),
      ...told.map((path) => `  ${path}`),
      ...(more > 0 ? [`  and ${more} more: --json names them all`] : []),
    ]
  })
}
