/** The first lines of a process: how V8 collects garbage is said before there is any. */
import {
  COMMAND_HEAP_GROWTH,
  PROVIDER_HEAP_GROWTH,
  collectLess,
  keepYoungHeapSmall,
} from '../node/collect-less.ts'

if (process.argv.includes('provider') && process.argv.includes('start')) {
  collectLess(PROVIDER_HEAP_GROWTH)
  keepYoungHeapSmall()
} else collectLess(COMMAND_HEAP_GROWTH)

await import('./command-line.ts')
