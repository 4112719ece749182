/** Groups items so that each group's weights stay within a limit; an item heavier than it stands alone. Order is kept. */
export async function* batches<T>(
  source: AsyncIterable<T> | Iterable<T>,
  weight: (item: T) => number,
  maxWeight: number,
  maxItems: number,
): AsyncGenerator<T[]> {
  let batch: T[] = []
  let sum = 0
  for await (const item of source) {
    const heavy = weight(item)
    if (batch.length > 0 && (sum + heavy > maxWeight || batch.length >= maxItems)) {
      yield batch
      batch = []
      sum = 0
    }
    batch.push(item)
    sum += heavy
  }
  if (batch.length > 0) yield batch
}
