/**
 * Verifies shards in the order in which they lie on disk. A cursor is 12 bytes: a segment's last number, its generation and
 * an offset. A segment that was rewritten since is begun anew, so that nothing is passed over.
 */
import { UsageError } from '../../core/open/errors.ts'
import type { ScrubReport } from '../../ports/shard-store.ts'
import type { FoundEntry, IndexEntry } from './shard-index.ts'
import type { SegmentTable } from './segment-table.ts'

const CURSOR_BYTES = 12

interface Cursor {
  readonly last: number
  readonly generation: number
  readonly offset: number
}

function encodeCursor(cursor: Cursor): Uint8Array {
  const out = new Uint8Array(CURSOR_BYTES)
  const view = new DataView(out.buffer)
  view.setUint32(0, cursor.last)
  view.setUint32(4, cursor.generation)
  view.setUint32(8, cursor.offset)
  return out
}

function decodeCursor(bytes: Uint8Array | undefined): Cursor {
  if (bytes === undefined) return { last: 0, generation: 0, offset: 0 }
  if (bytes.length !== CURSOR_BYTES) throw new UsageError('this is no cursor of a scrub')
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return { last: view.getUint32(0), generation: view.getUint32(4), offset: view.getUint32(8) }
}

/** Checks shards from a cursor on; `isWhole` reads one and remembers when it is damaged. */
export async function scrubShards(
  table: SegmentTable,
  from: Uint8Array | undefined,
  budgetBytes: number,
  isWhole: (id: Uint8Array, entry: IndexEntry) => Promise<boolean>,
): Promise<ScrubReport> {
  const damaged: Uint8Array[] = []
  let checkedBytes = 0
  let cursor = decodeCursor(from)
  for (let checked = 0; ;) {
    const next = nextEntries(table, cursor)
    if (next === undefined) return { checkedBytes, damaged }
    const { last, generation } = next
    for (const entry of next.entries) {
      if (checked > 0 && checkedBytes >= budgetBytes) {
        return { checkedBytes, damaged, next: encodeCursor({ last, generation, offset: entry.offset }) }
      }
      // Moved ones are checked where they are now, replaced and deleted ones need no check here.
      const now = table.index.get(entry.id)
      if (now === undefined) continue
      if (!(await isWhole(entry.id, now))) damaged.push(entry.id)
      checkedBytes += entry.length
      checked++
    }
    cursor = { last: last + 1, generation: 0, offset: 0 }
  }
}

function nextEntries(
  table: SegmentTable,
  cursor: Cursor,
): { last: number; generation: number; entries: FoundEntry[] } | undefined {
  const segment = table.inOrder().find(({ last }) => last >= cursor.last)
  if (segment === undefined) return undefined
  const { last, generation } = segment
  const same = last === cursor.last && generation === cursor.generation
  const entries = table.index
    .inSegment(segment.number)
    .filter(({ offset }) => !same || offset >= cursor.offset)
  return { last, generation, entries }
}
