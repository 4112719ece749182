import { InternalError } from '../../core/open/errors.ts'
import type { EntryKind } from '../../core/open/log/entry.ts'
import { ENTRY_KIND } from '../../core/open/log/entry.ts'
import type { Logged, LogSession } from '../../core/open/log/log-session.ts'
import type { Entry } from '../../ports/tracker-store-log.ts'
import type { TrackerWriter } from '../../ports/tracker-store.ts'

const NO_CHANGES: readonly Uint8Array[] = []

/**
 * The tables of a transaction in which whatever is appended becomes an entry of the log first, by the rules that witnesses replay;
 * their refusal refuses the whole transaction. `noted` hears kind and bytes of each entry.
 */
export function loggedTables(
  tables: TrackerWriter,
  session: LogSession,
  noted: (kind: EntryKind, bytes: number) => void,
): TrackerWriter {
  const { log } = tables
  const note = (logged: Logged, changes: readonly Uint8Array[]): void =>
    noted(
      logged.entry.kind,
      changes.reduce((sum, change) => sum + change.length, logged.leaf.length),
    )
  return {
    ...tables,
    log: {
      size: () => log.size(),
      entry: (index) => log.entry(index),
      operationIndex: (operation) => log.operationIndex(operation),
      changes: (index) => log.changes(index),
      change: (index, place) => log.change(index, place),
      changeCount: (index) => log.changeCount(index),
      append(kind, time, body, signatures) {
        const logged = session.admit({ kind, time, body, signatures, changes: NO_CHANGES })
        note(logged, NO_CHANGES)
        return sameAs(logged, log.append(kind, logged.entry.time, body, signatures))
      },
      appendOperation(now, operation, body, signatures, changes) {
        const logged = session.admit({ kind: ENTRY_KIND.operation, time: now, body, signatures, changes })
        note(logged, changes)
        return sameAs(logged, log.appendOperation(logged.entry.time, operation, body, signatures, changes))
      },
    },
  }
}

function sameAs({ entry }: Logged, stored: Entry): Entry {
  if (stored.index !== entry.index || stored.time !== entry.time)
    throw new InternalError('an entry has another place in the log than in the tables', {
      index: entry.index,
      stored: stored.index,
    })
  return stored
}
