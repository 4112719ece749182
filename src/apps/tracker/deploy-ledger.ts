import * as fs from 'node:fs'
import * as path from 'node:path'
import { ConflictError, NotFoundError } from '../../core/open/errors.ts'
import { poolIdOf } from '../../core/open/objects/identity.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import { openSqliteTrackerStore } from '../../adapters/sqlite/sqlite-tracker-store.ts'
import type { LedgerBinding } from '../../ports/ledger-chain.ts'
import type { Logger } from '../../ports/logger.ts'
import type { ChainNode } from './ledger-record.ts'
import { readLedgerRecord } from './ledger-record.ts'
import { poolLedger } from './pool-ledger.ts'
import { openTrackerFolder } from './tracker-folder.ts'

/**
 * Deploys a pool's contracts for the stopped tracker of a folder, which anchors there from its next start on.
 *
 * @throws FolderError while the tracker runs, NotFoundError where there is no founded pool, ConflictError where it has contracts.
 */
export async function deployPoolLedger(
  folder: string,
  node: ChainNode,
  logger: Logger,
): Promise<LedgerBinding> {
  if (!fs.existsSync(path.join(folder, 'tracker.db')))
    throw new NotFoundError(`there is no tracker in ${folder}`, { folder })
  const { database, release } = await openTrackerFolder(folder, nodeRandom)
  try {
    const store = openSqliteTrackerStore(database)
    const genesis = store.read(({ log }) => log.entry(0)?.body)
    store.close()
    if (genesis === undefined) throw new NotFoundError(`the pool of ${folder} is not founded yet`, { folder })
    if ((await readLedgerRecord(folder)) !== undefined)
      throw new ConflictError('this pool has its contracts already', { folder })
    const ledger = await poolLedger(folder, node, logger)(poolIdOf(nodePrimitives, genesis))
    await ledger.close()
    return ledger.binding
  } finally {
    release()
  }
}
