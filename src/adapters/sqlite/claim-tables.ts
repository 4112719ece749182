import type { DatabaseSync } from 'node:sqlite'
import type { MemberWriter, NameClaimRow } from '../../ports/tracker-store-members.ts'
import { query } from './database.ts'

interface ClaimColumns {
  member: Uint8Array
  name: string
  owner: Uint8Array
  chain_id: number
  contract: Uint8Array
  signature: Uint8Array
  since: number
  try_at: number
  block: number | null
  problem: string | null
}

type ClaimMethods =
  | 'nameClaim'
  | 'dueClaims'
  | 'nextClaimTime'
  | 'waitingClaimCount'
  | 'claimProblem'
  | 'putNameClaim'
  | 'retryClaims'

const claimRow = (row: ClaimColumns): NameClaimRow => ({
  member: row.member,
  name: row.name,
  owner: row.owner,
  chainId: row.chain_id,
  contract: row.contract,
  signature: row.signature,
  since: row.since,
  tryAt: row.try_at,
  block: row.block ?? undefined,
  problem: row.problem ?? undefined,
})

/** Members' claims of their names. */
export function claimTables(db: DatabaseSync): Pick<MemberWriter, ClaimMethods> {
  const claim = query<ClaimColumns>(db, 'SELECT * FROM name_claims WHERE member = ?')
  const due = query<ClaimColumns>(
    db,
    'SELECT * FROM name_claims WHERE block IS NULL AND try_at <= ? ORDER BY try_at, member LIMIT ?',
  )
  const next = query<{ time: number }>(
    db,
    'SELECT try_at AS time FROM name_claims WHERE block IS NULL ORDER BY try_at LIMIT 1',
  )
  const count = query<{ count: number }>(db, 'SELECT count(*) AS count FROM name_claims WHERE block IS NULL')
  const problem = query<{ problem: string }>(
    db,
    `SELECT problem FROM name_claims WHERE block IS NULL AND problem IS NOT NULL ORDER BY since, member LIMIT 1`,
  )
  const put = query(
    db,
    `INSERT OR REPLACE INTO name_claims (member, name, owner, chain_id, contract, signature, since, try_at, block, problem)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const retry = query(db, 'UPDATE name_claims SET try_at = 0 WHERE block IS NULL')
  return {
    nameClaim(member) {
      const row = claim.get(member)
      return row === undefined ? undefined : claimRow(row)
    },
    dueClaims: (time, limit) => due.all(time, limit).map(claimRow),
    nextClaimTime: () => next.get()?.time,
    waitingClaimCount: () => count.get()?.count ?? 0,
    claimProblem: () => problem.get()?.problem,
    putNameClaim: (row) =>
      void put.run(
        row.member,
        row.name,
        row.owner,
        row.chainId,
        row.contract,
        row.signature,
        row.since,
        row.tryAt,
        row.block ?? null,
        row.problem ?? null,
      ),
    retryClaims: () => void retry.run(),
  }
}
