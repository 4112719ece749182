import { rmSync } from 'node:fs'
import { FolderError } from '../../core/open/errors.ts'
import type { Logger } from '../../ports/logger.ts'
import type { ShardSpaces } from '../../ports/shard-spaces.ts'
import { openSqliteShardSpaces } from '../../adapters/sqlite/sqlite-shard-spaces.ts'

/**
 * The spaces of the shards in a provider's folder. A damaged file is told and begun anew: what it held comes again with the tickets
 * of those who read and store; until then its shards can't be read while the tracker is away.
 */
export function openShardSpaces(file: string, logger: Logger): ShardSpaces {
  try {
    return openSqliteShardSpaces(file)
  } catch (error) {
    if (!(error instanceof FolderError)) throw error
    logger.error({ code: error.code, why: error.message }, 'the spaces of the shards are begun anew')
    for (const ending of ['', '-wal', '-shm']) rmSync(file + ending, { force: true })
    return openSqliteShardSpaces(file)
  }
}
