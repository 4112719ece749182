/** What a process takes, as it says itself after a collection of garbage, and as the system counts it. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'

export interface Usage {
  /** Bytes. */
  readonly rss: number
  /** Of those, what isn't V8's heap: code, caches of the database, buffers, what the allocator keeps. */
  readonly native: number
  /** What lives in the heap, and buffers outside of it, bytes. */
  readonly live: number
  /** TCP and UDP sockets, and those to its parent. */
  readonly sockets: number
  /** All descriptors. */
  readonly files: number
}

export type UsageQuestion = { readonly ask: 'usage' }
export type UsageNews =
  | { readonly usage: Pick<Usage, 'rss' | 'native' | 'live'> }
  | { readonly trouble: string }

/** Whether a message is of `report-usage.ts`. */
export function isUsageNews(message: unknown): message is UsageNews {
  return typeof message === 'object' && message !== null && ('usage' in message || 'trouble' in message)
}

/** Asks a process that has loaded `report-usage.ts`; undefined where it ends meanwhile. */
export async function usageOf(child: ChildProcess): Promise<Usage | undefined> {
  const { pid } = child
  if (pid === undefined || !child.connected) return undefined
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  child.once('exit', leave)
  try {
    child.send({ ask: 'usage' } satisfies UsageQuestion)
    for (;;) {
      const [news] = (await once(child, 'message', { signal: gone.signal })) as [unknown]
      if (!isUsageNews(news) || !('usage' in news)) continue
      const open = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => targetOf(`/proc/${pid}/fd/${fd}`))
      return {
        ...news.usage,
        sockets: open.filter((target) => target.startsWith('socket:')).length,
        files: open.length,
      }
    }
  } catch (error) {
    if (gone.signal.aborted) return undefined
    throw error
  } finally {
    child.off('exit', leave)
  }
}

/** What a descriptor stands for; nothing where it was closed in between. */
function targetOf(link: string): string {
  try {
    return fs.readlinkSync(link)
  } catch {
    return ''
  }
}

interface Measured {
  /** Ms. */
  readonly at: number
  readonly value: number
}

/** Stretches of a half whose least values are looked at: what is under way at a moment, up to 80 MB in a member, is no leak. */
const STRETCHES = 10

/** The change an hour of the second half of a series, of what is there at the least, by least squares. */
export function slopePerHour(series: readonly Measured[]): number {
  const start = Math.floor(series.length / 2)
  const length = Math.max(1, Math.ceil((series.length - start) / STRETCHES))
  const half: Measured[] = []
  for (let from = start; from < series.length; from += length)
    half.push(
      series.slice(from, from + length).reduce((least, one) => (one.value < least.value ? one : least)),
    )
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1)
  const [at, value] = [mean(half.map((one) => one.at)), mean(half.map((one) => one.value))]
  const spread = half.reduce((sum, one) => sum + (one.at - at) ** 2, 0)
  const together = half.reduce((sum, one) => sum + (one.at - at) * (one.value - value), 0)
  return spread === 0 ? 0 : (together / spread) * 3_600_000
}
