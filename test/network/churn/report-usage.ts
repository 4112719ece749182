/** Loaded into every process of a churning pool: tells what it takes, and what nobody caught. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'
import type { UsageNews } from './usage.ts'

/** The store's adapter for SQLite and the stripping of types say that they are new. */
const EXPECTED_WARNING = 'ExperimentalWarning'

function tell(news: UsageNews): void {
  if (process.connected) process.send?.(news)
}

if (isMainThread && process.send !== undefined) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  process.on('message', (message) => {
    if (typeof message !== 'object' || message === null || !('ask' in message) || message.ask !== 'usage')
      return
    collect()
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
    tell({ usage: { rss, native: rss - heapTotal, live: heapUsed + external } })
  })
  process.on('uncaughtExceptionMonitor', (error, origin) =>
    tell({ trouble: `${origin}: ${error.stack ?? String(error)}` }),
  )
  process.on('warning', (warning) => {
    if (warning.name !== EXPECTED_WARNING) tell({ trouble: warning.stack ?? String(warning) })
  })
  process.channel?.unref()
}
