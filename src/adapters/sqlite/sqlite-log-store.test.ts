import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { FolderError } from '../../core/open/errors.ts'
import { logStoreConformance } from '../../ports/log-store.conformance.ts'
import { openSqliteLogStore } from './sqlite-log-store.ts'
import { openSqliteTrackerStore } from './sqlite-tracker-store.ts'

const makeFolder = () => fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-log-'))

logStoreConformance('SQLite log store', () => {
  const folder = makeFolder()
  return {
    open: () => openSqliteLogStore(path.join(folder, 'log.db')),
    cleanUp: () => fs.rmSync(folder, { recursive: true, force: true }),
  }
})

logStoreConformance('log tables in the SQLite store of a tracker', () => {
  const folder = makeFolder()
  return {
    open() {
      const store = openSqliteTrackerStore(path.join(folder, 'tracker.db'))
      return {
        read: (work) => store.read(({ proofs }) => work(proofs)),
        write: (work) => store.write(({ proofs }) => work(proofs)),
        close: () => store.close(),
      }
    },
    cleanUp: () => fs.rmSync(folder, { recursive: true, force: true }),
  }
})

test("a tracker's database is no log store", () => {
  const folder = makeFolder()
  const file = path.join(folder, 'tracker.db')
  openSqliteTrackerStore(file).close()
  expect(() => openSqliteLogStore(file)).toThrow(FolderError)
  fs.rmSync(folder, { recursive: true, force: true })
})
