import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { FolderError } from '../../core/open/errors.ts'
import { shardSpacesConformance } from '../../ports/shard-spaces.conformance.ts'
import { openSqliteLogStore } from './sqlite-log-store.ts'
import { openSqliteShardSpaces } from './sqlite-shard-spaces.ts'

const makeFolder = () => fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-spaces-'))

shardSpacesConformance('spaces of shards in SQLite', () => {
  const folder = makeFolder()
  return {
    open: () => openSqliteShardSpaces(path.join(folder, 'spaces.db')),
    cleanUp: () => fs.rmSync(folder, { recursive: true, force: true }),
  }
})

test('are for one process, and no other database', () => {
  const folder = makeFolder()
  const file = path.join(folder, 'spaces.db')
  const spaces = openSqliteShardSpaces(file)
  expect(() => openSqliteShardSpaces(file)).toThrow(/another process/)
  spaces.close()
  expect(() => openSqliteLogStore(file)).toThrow(FolderError)
  fs.rmSync(folder, { recursive: true, force: true })
})
