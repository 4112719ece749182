import type { DatabaseSync } from 'node:sqlite'
import type { DeviceRow, MemberRow, MemberWriter, WaitingRow } from '../../ports/tracker-store-members.ts'
import { claimTables } from './claim-tables.ts'
import { query } from './database.ts'

interface MemberColumns {
  id: Uint8Array
  name: string
  sign: Uint8Array
  record: Uint8Array
  record_signature: Uint8Array
}
interface DeviceColumns {
  device: Uint8Array
  member: Uint8Array
  sign: Uint8Array
  net: Uint8Array
  not_after: number
  serial: number
  certificate: Uint8Array
  by_member: Uint8Array
  by_device: Uint8Array
}
interface WaitingColumns extends Pick<DeviceColumns, 'certificate' | 'by_member' | 'by_device'> {
  invite: Uint8Array
  member: Uint8Array
  mac: Uint8Array
  record: Uint8Array
  record_signature: Uint8Array
  since: number
}

const memberRow = (row: MemberColumns): MemberRow => ({
  id: row.id,
  name: row.name,
  sign: row.sign,
  record: [row.record, row.record_signature],
})
const deviceRow = (row: DeviceColumns): DeviceRow => ({
  device: row.device,
  member: row.member,
  sign: row.sign,
  net: row.net,
  notAfter: row.not_after,
  serial: row.serial,
  certificate: [row.certificate, row.by_member, row.by_device],
})
const waitingRow = (row: WaitingColumns): WaitingRow => ({
  invite: row.invite,
  member: row.member,
  mac: row.mac,
  record: [row.record, row.record_signature],
  certificate: [row.certificate, row.by_member, row.by_device],
  since: row.since,
})

/** Members, their devices and what these signed last, newcomers, used invites and claims of names. */
export function memberTables(db: DatabaseSync): MemberWriter {
  const member = query<MemberColumns>(db, 'SELECT * FROM members WHERE id = ?')
  const memberNamed = query<MemberColumns>(db, 'SELECT * FROM members WHERE name = ?')
  const devicesOf = query<DeviceColumns>(db, 'SELECT * FROM devices WHERE member = ? ORDER BY n')
  const device = query<DeviceColumns>(db, 'SELECT * FROM devices WHERE device = ?')
  const deviceByNet = query<DeviceColumns>(db, 'SELECT * FROM devices WHERE net = ?')
  const netKeys = query<{ net: Uint8Array }>(
    db,
    'SELECT net FROM devices WHERE not_after >= ? ORDER BY n DESC LIMIT ?',
  )
  const admittedBy = query<{ member: Uint8Array }>(db, 'SELECT member FROM member_invites WHERE invite = ?')
  const waitingUnder = query<WaitingColumns>(
    db,
    'SELECT * FROM waiting WHERE invite = ? ORDER BY since, member',
  )
  const waiting = query<WaitingColumns>(db, 'SELECT * FROM waiting WHERE member = ? ORDER BY since, invite')
  const waitingCount = query<{ count: number }>(db, 'SELECT count(*) AS count FROM waiting')
  const progress = query<{ counter: number; prevOp: Uint8Array }>(
    db,
    'SELECT counter, prev_op AS prevOp FROM progress WHERE device = ?',
  )
  const addMember = query(
    db,
    'INSERT INTO members (id, name, sign, record, record_signature) VALUES (?, ?, ?, ?, ?)',
  )
  const putDevice = query(
    db,
    `INSERT INTO devices (device, member, sign, net, not_after, serial, certificate, by_member, by_device)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET net = excluded.net,
     not_after = excluded.not_after, serial = excluded.serial, certificate = excluded.certificate,
     by_member = excluded.by_member, by_device = excluded.by_device`,
  )
  const useInvite = query(db, 'INSERT INTO member_invites (invite, member) VALUES (?, ?)')
  const putWaiting = query(
    db,
    `INSERT OR REPLACE INTO waiting (invite, member, mac, record, record_signature, certificate, by_member, by_device,
     since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const dropWaiting = query(db, 'DELETE FROM waiting WHERE member = ?')
  const dropWaitingBefore = query(db, 'DELETE FROM waiting WHERE since < ?')
  const setProgress = query(
    db,
    `INSERT INTO progress (device, counter, prev_op) VALUES (?, ?, ?)
     ON CONFLICT (device) DO UPDATE SET counter = excluded.counter, prev_op = excluded.prev_op`,
  )
  const some = <Columns, Row>(row: Columns | undefined, map: (row: Columns) => Row) =>
    row === undefined ? undefined : map(row)

  return {
    ...claimTables(db),
    member: (id) => some(member.get(id), memberRow),
    memberNamed: (name) => some(memberNamed.get(name), memberRow),
    devicesOf: (id) => devicesOf.all(id).map(deviceRow),
    device: (id) => some(device.get(id), deviceRow),
    deviceByNet: (net) => some(deviceByNet.get(net), deviceRow),
    admittedBy: (invite) => admittedBy.get(invite)?.member,
    netKeys: (now, limit) => netKeys.all(now, limit).map(({ net }) => net),
    waitingUnder: (invite) => waitingUnder.all(invite).map(waitingRow),
    waiting: (id) => waiting.all(id).map(waitingRow),
    waitingCount: () => waitingCount.get()?.count ?? 0,
    progress: (id) => progress.get(id),
    addMember: (row) => void addMember.run(row.id, row.name, row.sign, ...row.record),
    putDevice: (row) =>
      void putDevice.run(
        row.device,
        row.member,
        row.sign,
        row.net,
        row.notAfter,
        row.serial,
        ...row.certificate,
      ),
    useInvite: (invite, id) => void useInvite.run(invite, id),
    putWaiting: (row) =>
      void putWaiting.run(row.invite, row.member, row.mac, ...row.record, ...row.certificate, row.since),
    dropWaiting: (id) => void dropWaiting.run(id),
    dropWaitingBefore: (time) => void dropWaitingBefore.run(time),
    setProgress: (id, { counter, prevOp }) => void setProgress.run(id, counter, prevOp),
  }
}
