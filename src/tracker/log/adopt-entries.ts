import { FolderError, InternalError } from '../../core/open/errors.ts'
import type { LogSession } from '../../core/open/log/log-session.ts'
import { ENTRY_KIND } from '../../core/open/log/entry.ts'
import type { TrackerStore } from '../../ports/tracker-store.ts'
import type { TrackerEvents } from '../tracker-events.ts'

/** Entries taken over in one transaction: their rows wait in memory. */
const ENTRIES_PER_STEP = 256

/**
 * Takes over the entries of a pool that was founded before there was a log, in their order and at their places. A kill leaves what
 * was done, and the next start goes on. Throws FolderError when the log has more entries than the tables.
 */
export function adoptEntries(
  session: LogSession,
  store: TrackerStore,
  events: Pick<TrackerEvents, 'entriesAdopted' | 'entryVoid'>,
): void {
  const begun = session.size
  const size = store.read(({ log }) => log.size())
  if (begun > size)
    throw new FolderError('the log of this tracker has more entries than its tables', { begun, size })
  while (session.size < size) {
    session.begin()
    try {
      store.write(({ log }) => {
        const end = Math.min(size, session.size + ENTRIES_PER_STEP)
        for (let index = session.size; index < end; index++) {
          const entry = log.entry(index)
          if (entry === undefined) throw new FolderError('an entry of this tracker is missing', { index })
          if (entry.kind === ENTRY_KIND.heads)
            throw new FolderError('the log of this tracker is shorter than its tables', { index })
          const { isVoid, logged } = session.adopt({ ...entry, changes: log.changes(index) })
          if (logged.entry.index !== index) throw new InternalError('entries keep their places', { index })
          if (isVoid) events.entryVoid(index)
        }
      })
    } catch (error) {
      session.rollback()
      throw error
    }
    session.commit()
  }
  if (size > begun) events.entriesAdopted(size - begun)
}
