/** The first `limit` items. */
export function firstOf<T>(items: Iterable<T>, limit: number): T[] {
  const out: T[] = []
  for (const item of items) {
    if (out.length >= limit) break
    out.push(item)
  }
  return out
}
