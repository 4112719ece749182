import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodePrimitives as p } from '../../src/adapters/native/node-primitives.ts'
import { openSqliteLogStore } from '../../src/adapters/sqlite/sqlite-log-store.ts'
import { LogSession } from '../../src/core/open/log/log-session.ts'
import type { LogStore } from '../../src/ports/log-store.ts'
import { LogPool } from './log-pool.ts'

export interface AdmissionRates {
  /** Files (a create with contents each) a second through decode, verification, rules, map and store, synced by operation. */
  readonly admitted: number
  /** The same as a witness does it, from leaves and changes, synced by checkpoint. */
  readonly witnessed: number
}

/** Admits operations of `changes` files each into an empty pool, a head at the end; then a witness follows. */
export function measureAdmission(operations = 10, changes = 1_000): AdmissionRates {
  const folder = mkdtempSync(join(tmpdir(), 'allmend-bench-'))
  const pool = new LogPool()
  const submissions = Array.from({ length: operations }, () => pool.files(changes))
  const tracker = openSqliteLogStore(join(folder, 'tracker.db'))
  const witness = openSqliteLogStore(join(folder, 'witness.db'))
  try {
    const session = sessionOf(tracker)
    write(tracker, session, () => pool.start.forEach((object) => session.admit(object)))
    const admitted = timed(() => {
      for (const submission of submissions) write(tracker, session, () => session.admit(submission))
      write(tracker, session, () => session.seal(Date.now()))
    })
    const all = [...pool.start, ...submissions]
    const leaves = tracker.read((storage) => storage.leaves(0, session.size))
    const follower = sessionOf(witness)
    const witnessed = timed(() =>
      write(witness, follower, () =>
        leaves.forEach((leaf, i) => follower.follow(leaf, all[i]?.changes ?? [])),
      ),
    )
    const files = operations * changes
    return { admitted: files / admitted, witnessed: files / witnessed }
  } finally {
    tracker.close()
    witness.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function sessionOf(store: LogStore): LogSession {
  return store.write((storage) => new LogSession(p, storage))
}

function write(store: LogStore, session: LogSession, work: () => void): void {
  session.begin()
  store.write(work)
  session.commit()
}

/** Seconds. */
function timed(work: () => void): number {
  const start = performance.now()
  work()
  return (performance.now() - start) / 1e3
}
