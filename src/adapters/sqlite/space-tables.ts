import type { DatabaseSync } from 'node:sqlite'
import type { ChangePlace, NodeRow, SpaceRow, SpaceWriter } from '../../ports/tracker-store-spaces.ts'
import { query } from './database.ts'
import type { RowNumbers } from './row-numbers.ts'

interface SpaceColumns {
  id: Uint8Array
  root: Uint8Array
  epoch: number
  genesis: number
  blobs: number
  unique_bytes: number
}
interface GrantColumns {
  id: Uint8Array
  node: Uint8Array
  gen: number
  grantee: Uint8Array
  enc_gen: number
  rights: number
  not_after: number | null
}
interface NodeColumns {
  node: Uint8Array
  parent: Uint8Array
  parent_gen: number
  gen: number
  version: number
  head: Uint8Array
  deleted: number
  created_op: number
  created_place: number
  generations: Uint8Array
  generation_bytes: number
  meta_op: number
  meta_place: number
  content_op: number | null
  content_place: number | null
  meta_bytes: number
  content_bytes: number
}

const spaceRow = ({ unique_bytes, ...row }: SpaceColumns): SpaceRow => ({ ...row, uniqueBytes: unique_bytes })

/** 6 bytes of the entry and 2 of the place each, big-endian. */
const PACKED_BYTES = 8

function pack(places: readonly ChangePlace[]): Uint8Array {
  const out = new Uint8Array(places.length * PACKED_BYTES)
  const view = new DataView(out.buffer)
  for (const [i, { operation, place }] of places.entries()) {
    view.setUint16(i * PACKED_BYTES, Math.floor(operation / 2 ** 32))
    view.setUint32(i * PACKED_BYTES + 2, operation >>> 0)
    view.setUint16(i * PACKED_BYTES + 6, place)
  }
  return out
}

function unpack(packed: Uint8Array): ChangePlace[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  return Array.from({ length: packed.length / PACKED_BYTES }, (_, i) => ({
    operation: view.getUint16(i * PACKED_BYTES) * 2 ** 32 + view.getUint32(i * PACKED_BYTES + 2),
    place: view.getUint16(i * PACKED_BYTES + 6),
  }))
}

const nodeRow = (row: NodeColumns): NodeRow => ({
  id: row.node,
  parent: row.parent,
  parentGen: row.parent_gen,
  gen: row.gen,
  version: row.version,
  head: row.head,
  deleted: row.deleted === 1,
  created: { operation: row.created_op, place: row.created_place },
  generations: unpack(row.generations),
  generationBytes: row.generation_bytes,
  meta: { operation: row.meta_op, place: row.meta_place },
  content:
    row.content_op === null || row.content_place === null
      ? undefined
      : { operation: row.content_op, place: row.content_place },
  metaBytes: row.meta_bytes,
  contentBytes: row.content_bytes,
})

/** Spaces, grants and nodes. */
export function spaceTables(db: DatabaseSync, numbers: RowNumbers): SpaceWriter {
  const space = query<SpaceColumns>(
    db,
    'SELECT id, root, epoch, genesis, blobs, unique_bytes FROM spaces WHERE id = ?',
  )
  const spacesOf = query<SpaceColumns>(
    db,
    `SELECT id, root, epoch, genesis, blobs, unique_bytes FROM spaces
     WHERE n IN (SELECT space FROM grants WHERE grantee = ?) ORDER BY n`,
  )
  const grants = query<GrantColumns>(db, 'SELECT * FROM grants WHERE space = ?')
  const node = query<NodeColumns>(db, 'SELECT * FROM nodes WHERE space = ? AND node = ?')
  const children = query<NodeColumns>(
    db,
    `SELECT * FROM nodes WHERE space = ? AND parent = ? AND deleted = 0
     AND (created_op, created_place) > (?, ?) ORDER BY created_op, created_place LIMIT ?`,
  )
  const anyChild = query<{ found: number }>(
    db,
    'SELECT 1 AS found FROM nodes WHERE space = ? AND parent = ? LIMIT 1',
  )
  const addSpace = query(
    db,
    'INSERT INTO spaces (id, root, epoch, genesis, blobs, unique_bytes) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const addGrant = query(
    db,
    `INSERT INTO grants (space, id, node, gen, grantee, enc_gen, rights, not_after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const putNode = query(
    db,
    `INSERT OR REPLACE INTO nodes (space, node, parent, parent_gen, gen, version, head, deleted, created_op,
     created_place, generations, generation_bytes, meta_op, meta_place, content_op, content_place, meta_bytes, content_bytes)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const countBlobs = query(
    db,
    'UPDATE spaces SET blobs = blobs + ?, unique_bytes = unique_bytes + ? WHERE id = ?',
  )
  /** 0 is no row's number. */
  const n = (id: Uint8Array) => numbers.of(id) ?? 0

  return {
    space(id) {
      const row = space.get(id)
      return row === undefined ? undefined : spaceRow(row)
    },
    spacesOf: (member) => spacesOf.all(member).map(spaceRow),
    grants: (id) =>
      grants.all(n(id)).map((row) => ({
        id: row.id,
        node: row.node,
        gen: row.gen,
        grantee: row.grantee,
        encGen: row.enc_gen,
        rights: row.rights,
        notAfter: row.not_after ?? undefined,
      })),
    node(id, nodeId) {
      const row = node.get(n(id), nodeId)
      return row === undefined ? undefined : nodeRow(row)
    },
    children: (id, parent, after, limit) =>
      children.all(n(id), parent, after?.operation ?? -1, after?.place ?? -1, limit).map(nodeRow),
    hasChildren: (id, nodeId) => anyChild.get(n(id), nodeId) !== undefined,
    addSpace: (row) =>
      void addSpace.run(row.id, row.root, row.epoch, row.genesis, row.blobs, row.uniqueBytes),
    addGrant: (id, grant) =>
      void addGrant.run(
        n(id),
        grant.id,
        grant.node,
        grant.gen,
        grant.grantee,
        grant.encGen,
        grant.rights,
        grant.notAfter ?? null,
      ),
    putNodes(id, nodes) {
      const number = n(id)
      for (const row of nodes)
        putNode.run(
          number,
          row.id,
          row.parent,
          row.parentGen,
          row.gen,
          row.version,
          row.head,
          row.deleted ? 1 : 0,
          row.created.operation,
          row.created.place,
          pack(row.generations),
          row.generationBytes,
          row.meta.operation,
          row.meta.place,
          row.content?.operation ?? null,
          row.content?.place ?? null,
          row.metaBytes,
          row.contentBytes,
        )
    },
    countBlobs: (id, blobs, bytes) => void countBlobs.run(blobs, bytes, id),
  }
}
