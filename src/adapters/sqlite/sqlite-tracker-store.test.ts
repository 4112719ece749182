import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FolderError } from '../../core/open/errors.ts'
import { trackerStoreConformance } from '../../ports/tracker-store.conformance.ts'
import { openDatabase } from './database.ts'
import { TRACKER_DATABASE } from './schema.ts'
import { openSqliteTrackerStore } from './sqlite-tracker-store.ts'

const makeFolder = () => fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-sqlite-'))
const removeFolder = (folder: string) => fs.rmSync(folder, { recursive: true, force: true })

trackerStoreConformance('SQLite', {
  make: makeFolder,
  open: (folder) => openSqliteTrackerStore(path.join(folder, 'tracker.db')),
  remove: removeFolder,
})

let folder: string
let file: string
beforeEach(() => {
  folder = makeFolder()
  file = path.join(folder, 'tracker.db')
})
afterEach(() => removeFolder(folder))

test('commits go through a write-ahead log that is fsynced each time (synchronous = FULL)', () => {
  const db = openDatabase(file, TRACKER_DATABASE)
  expect({ ...db.prepare('PRAGMA journal_mode').get() }).toEqual({ journal_mode: 'wal' })
  expect({ ...db.prepare('PRAGMA synchronous').get() }).toEqual({ synchronous: 2 })
  db.close()
})

test('what was written is in the files, as a killed process leaves them, before write returns', () => {
  const store = openSqliteTrackerStore(file)
  store.write(({ log }) => log.append(0, 1, new Uint8Array(1), new Uint8Array(0)))
  // The database file may be old, the log holds the commit.
  fs.copyFileSync(file, path.join(folder, 'copy.db'))
  fs.copyFileSync(`${file}-wal`, path.join(folder, 'copy.db-wal'))
  const copy = openSqliteTrackerStore(path.join(folder, 'copy.db'))
  expect(copy.read(({ log }) => log.size())).toBe(1)
  copy.close()
  store.close()
})

test('a database of somebody else, of another version, or damaged is refused and left as it is', () => {
  const foreign = new DatabaseSync(file)
  foreign.exec('CREATE TABLE theirs (a)')
  foreign.close()
  expect(() => openSqliteTrackerStore(file)).toThrow(FolderError)
  const later = path.join(folder, 'later.db')
  openSqliteTrackerStore(later).close()
  const raised = new DatabaseSync(later)
  raised.exec('PRAGMA user_version = 99')
  raised.close()
  expect(() => openSqliteTrackerStore(later)).toThrow(/version 99/)
  const garbage = path.join(folder, 'garbage.db')
  fs.writeFileSync(garbage, 'not a database '.repeat(1_000))
  expect(() => openSqliteTrackerStore(garbage)).toThrow(FolderError)
  expect(fs.readFileSync(garbage, 'latin1').startsWith('not a database')).toBe(true)
})
