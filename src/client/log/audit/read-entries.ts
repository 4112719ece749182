import { UntrustedError } from '../../../core/open/errors.ts'
import { MAX_ENTRIES, logEntries } from '../../../core/open/protocol/log-methods.ts'
import type { Tracker } from '../../tracker.ts'
import type { BundleEntry } from './log-bundle.ts'

/** The entries below `size` as the tracker serves them: nothing is verified here. */
export async function* readEntries(tracker: Tracker, size: number): AsyncGenerator<BundleEntry> {
  for (let from = 0; from < size;) {
    const count = Math.min(MAX_ENTRIES, size - from)
    const { entries } = await tracker.call(logEntries, { from, count, changes: true })
    if (entries.length === 0 || entries.length > count)
      throw new UntrustedError(`entry ${from}: the tracker does not serve it`, { index: from })
    yield* entries
    from += entries.length
  }
}
