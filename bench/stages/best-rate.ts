/**
 * Bytes per run over the shortest of several runs, in MB/s (10^6 bytes): on a shared machine the best run is the steady
 * figure. Warms up first, so that the optimizing compilers are done.
 */
export function bestRate(bytes: number, run: () => void, milliseconds = 500): number {
  run()
  run()
  let best = Number.POSITIVE_INFINITY
  const end = performance.now() + milliseconds
  do {
    const start = performance.now()
    run()
    best = Math.min(best, performance.now() - start)
  } while (performance.now() < end)
  return bytes / 1e3 / best
}
