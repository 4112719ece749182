import type { DatabaseSync } from 'node:sqlite'
import { ConflictError } from '../../core/open/errors.ts'
import type { ProviderRow, ProviderWriter } from '../../ports/tracker-store-providers.ts'
import { query } from './database.ts'

interface ProviderColumns extends Omit<ProviderRow, 'record'> {
  record: Uint8Array
  record_signature: Uint8Array
}
interface InviteColumns {
  invite: Uint8Array
  operator: Uint8Array
  not_after: number
  body: Uint8Array
  signature: Uint8Array
  used_by: Uint8Array | null
}

const providerRow = ({ record, record_signature, ...row }: ProviderColumns): ProviderRow => ({
  ...row,
  record: [record, record_signature],
})

/** Providers and the invites that let them in. */
export function providerTables(db: DatabaseSync): ProviderWriter {
  const columns = 'id, net, name, operator, invite, address, capacity, seq, record, record_signature'
  const provider = query<ProviderColumns>(db, `SELECT ${columns} FROM providers WHERE id = ?`)
  const providers = query<ProviderColumns>(db, `SELECT ${columns} FROM providers ORDER BY n`)
  const invite = query<InviteColumns>(db, 'SELECT * FROM provider_invites WHERE invite = ?')
  const addInvite = query(
    db,
    'INSERT INTO provider_invites (invite, operator, not_after, body, signature) VALUES (?, ?, ?, ?, ?)',
  )
  const useInvite = query(
    db,
    'UPDATE provider_invites SET used_by = ?1 WHERE invite = ?2 AND (used_by IS NULL OR used_by = ?1)',
  )
  const put = query(
    db,
    `INSERT INTO providers (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address, capacity = excluded.capacity,
     seq = excluded.seq, record = excluded.record, record_signature = excluded.record_signature`,
  )

  return {
    provider(id) {
      const row = provider.get(id)
      return row === undefined ? undefined : providerRow(row)
    },
    providers: () => providers.all().map(providerRow),
    providerInvite(hash) {
      const row = invite.get(hash)
      if (row === undefined) return undefined
      return {
        invite: row.invite,
        operator: row.operator,
        notAfter: row.not_after,
        signed: [row.body, row.signature],
        usedBy: row.used_by ?? undefined,
      }
    },
    addProviderInvite: (row) => void addInvite.run(row.invite, row.operator, row.notAfter, ...row.signed),
    useProviderInvite(hash, id) {
      if (useInvite.run(id, hash) === 0) throw new ConflictError('this invite was used by another provider')
    },
    putProvider: (row) =>
      void put.run(
        row.id,
        row.net,
        row.name,
        row.operator,
        row.invite,
        row.address,
        row.capacity,
        row.seq,
        ...row.record,
      ),
  }
}
