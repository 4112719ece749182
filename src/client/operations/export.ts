/**
 * Everything that a member can read, out of a pool whose log may not be trusted any more. Invariants:
 * - what is exported is what the log says up to one head: the newest that was verified, or the pinned one where that log was forked
 *   or no quorum confirms it. All entries up to there are replayed from the genesis on and must give that head's root; the
 *   tracker's lists aren't asked.
 * - what can't be read is told, and everything else is exported all the same.
 * - a file that is there already with its length and time isn't fetched again: the same command goes on where it was.
 */
import { AllmendError, NotFoundError, UntrustedError } from '../../core/open/errors.ts'
import { toHex, utf8 } from '../../core/open/bytes.ts'
import type { Checkpoint } from '../../core/open/log/heads/checkpoint.ts'
import { encodeCheckpoint, openCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import type { Metadata } from '../../core/secret/metadata.ts'
import type { TargetFolder } from '../../ports/local-files.ts'
import type { Client } from '../client.ts'
import { throwIfCancelled } from '../concurrency.ts'
import { downloadNodes } from '../download/tree-download.ts'
import type { FetchOptions, GetFailure } from './get-parameters.ts'
import type { LogVerdict } from '../log/audit/audit-log.ts'
import { LogAudit } from '../log/audit/audit-log.ts'
import type { Hasher } from '../log/audit/log-bundle.ts'
import { encodeBundle } from '../log/audit/log-bundle.ts'
import { readEntries } from '../log/audit/read-entries.ts'
import { ReplayedSpaces } from '../log/audit/replayed-spaces.ts'
import { remoteEntry } from './remote-entry.ts'
import type { RemoteNode } from '../tree/remote-node.ts'
import { ReplayedTrees } from '../tree/replayed-trees.ts'

export interface ExportParameters extends Pick<
  FetchOptions,
  'onProgress' | 'signal' | 'waitMs' | 'onWaiting'
> {
  /** A folder here, made where it isn't there. */
  readonly target: string
  /** Says what there is, and writes nothing. */
  readonly dryRun?: boolean
  /** SHA-256, for the log's bundle. */
  readonly hasher: Hasher
}

export interface ExportResult {
  /** The head up to which it was exported; `why` the newest one wasn't taken. */
  readonly head: { readonly size: number; readonly root: Uint8Array; readonly why?: string }
  readonly log: LogVerdict
  readonly spaces: readonly string[]
  /** All that there is to export, and its bytes. */
  readonly total: {
    readonly files: number
    readonly folders: number
    readonly symlinks: number
    readonly bytes: number
  }
  /** What this run fetched; `kept` was there before. */
  readonly files: number
  readonly bytes: number
  readonly kept: number
  readonly failed: readonly GetFailure[]
  readonly damagedShards: number
}

const FILES_FOLDER = 'files'
const LOG_FILE = 'log.bundle'
const INDEX_FILE = 'contents.jsonl'
/** Lines of the index are written in pieces of about this size. */
const INDEX_BYTES = 256 * 1024
/** Times come back to within a quarter of a microsecond. */
const TIME_SLACK_NANOSECONDS = 1_000

/**
 * Exports files, folders and symlinks with their metadata (`files/<space>/…`, and a line for each in `contents.jsonl`) and the log
 * that they follow from (`log.bundle`).
 *
 * @throws UntrustedError for a log that isn't that of the head; failures of single files are in the result's `failed`.
 */
export async function exportAll(client: Client, parameters: ExportParameters): Promise<ExportResult> {
  const { files, primitives, identity } = client
  const { target, dryRun = false, signal } = parameters
  const { checkpoint, why } = await headToExport(client)
  const folder = dryRun ? undefined : await folderAt(client, target)
  const spaces = new ReplayedSpaces(primitives, identity.member)
  const log = await replay(client, checkpoint, spaces, parameters, folder)
  const trees = new ReplayedTrees(primitives, identity, spaces.spaces())
  const roots = await trees.roots()
  const total = { files: 0, folders: 0, symlinks: 0, bytes: 0 }
  const index = await folder?.file(INDEX_FILE, ownFile(client))
  const lines: string[] = []
  let written = 0
  const flush = async (): Promise<void> => {
    const bytes = utf8(lines.splice(0).join(''))
    await index?.write(bytes, written)
    written += bytes.length
  }
  const list = async (node: RemoteNode, names: readonly string[]): Promise<void> => {
    throwIfCancelled(signal)
    const { kind, size } = node.metadata
    if (kind === 'file') {
      total.files++
      total.bytes += size
    } else total[kind === 'folder' ? 'folders' : 'symlinks']++
    if (lines.push(indexLine(node, names)) * 256 > INDEX_BYTES) await flush()
    if (kind !== 'folder') return
    const { byName } = await trees.children(node)
    for (const [name, child] of byName) await list(child, [...names, name])
  }
  try {
    for (const [name, root] of roots) await list(root, [name])
    await flush()
  } catch (error) {
    await index?.discard()
    throw error
  }
  await index?.finish()
  const unreadable = () => trees.unreadable.map(({ path, error }) => ({ path, error }))
  const known = {
    head: { size: checkpoint.size, root: checkpoint.root, ...(why === undefined ? {} : { why }) },
    log,
    spaces: [...roots.keys()],
    total,
  }
  if (folder === undefined)
    return { ...known, files: 0, bytes: 0, kept: 0, failed: unreadable(), damagedShards: 0 }
  let kept = 0
  const isHere = async (path: string, metadata: Metadata): Promise<boolean> => {
    const isThere = await isSame(client, `${files.absolute(target)}/${FILES_FOLDER}${path}`, metadata)
    if (isThere) kept++
    return isThere
  }
  const nodes = [...roots].map(([name, node]) => ({ node, path: `/${name}`, name }))
  const fetched = await downloadNodes(client, trees, nodes, await folder.folder(FILES_FOLDER), {
    ...parameters,
    isHere,
  })
  const { files: count, bytes, failed, damagedShards } = fetched
  return { ...known, files: count, bytes, kept, failed: [...unreadable(), ...failed], damagedShards }
}

/** The newest verified head; the pinned one where nothing newer can be believed, and why. */
async function headToExport(client: Client): Promise<{ checkpoint: Checkpoint; why: string | undefined }> {
  const { log, primitives } = client
  const pins = await log.pins()
  const pinned = pins.head
  if (pins.forked === undefined)
    try {
      return { checkpoint: (await log.view()).checkpoint, why: undefined }
    } catch (error) {
      if (!(error instanceof AllmendError) || pinned === undefined) throw error
      return { checkpoint: openCheckpoint(primitives, log.identity, pinned.note), why: error.message }
    }
  if (pinned === undefined)
    throw new UntrustedError('this home has never verified a head of this log: it has nothing to go by')
  const why = `the log was forked: ${pins.forked.reason}`
  return { checkpoint: openCheckpoint(primitives, log.identity, pinned.note), why }
}

/** Replays all entries up to the head, and writes them as a bundle. */
async function replay(
  client: Client,
  checkpoint: Checkpoint,
  spaces: ReplayedSpaces,
  { hasher, signal }: ExportParameters,
  folder: TargetFolder | undefined,
): Promise<LogVerdict> {
  const { log, primitives, tracker } = client
  const { tracker: operator } = await log.pins()
  const audit = new LogAudit(primitives)
  const entries = async function* () {
    for await (const served of readEntries(tracker, checkpoint.size)) {
      throwIfCancelled(signal)
      const { entry, isVoid } = audit.add(served.leaf, served.changes)
      if (!isVoid) spaces.add(entry, served.changes)
      yield served
    }
  }
  const note = encodeCheckpoint(primitives, log.identity, checkpoint)
  const header = { v: 1, note, tracker: operator, receipts: [] } as const
  const file = await folder?.file(LOG_FILE, ownFile(client))
  try {
    let written = 0
    for await (const piece of encodeBundle(primitives, hasher, header, entries())) {
      await file?.write(piece, written)
      written += piece.length
    }
    const verdict = audit.verdict(checkpoint, operator, [])
    await file?.finish()
    return verdict
  } catch (error) {
    await file?.discard()
    throw error
  }
}

async function folderAt({ files }: Client, target: string): Promise<TargetFolder> {
  try {
    return await files.target(target)
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
    return (await files.target(files.folderOf(target))).folder(files.baseName(target))
  }
}

function ownFile({ clock }: Client): {
  size: number
  mtimeSeconds: number
  mtimeNanoseconds: number
  mode: number
} {
  return { size: 0, mtimeSeconds: Math.floor(clock.now() / 1_000), mtimeNanoseconds: 0, mode: 0o600 }
}

/** A file appears whole under its name, and with its time: so one of this length and time is this one. */
async function isSame({ files }: Client, path: string, metadata: Metadata): Promise<boolean> {
  try {
    const { kind, size, mtimeSeconds, mtimeNanoseconds } = (await files.stat(path)).stat
    const nanoseconds =
      (mtimeSeconds - metadata.mtimeSeconds) * 1e9 + mtimeNanoseconds - metadata.mtimeNanoseconds
    return kind === 'file' && size === metadata.size && Math.abs(nanoseconds) <= TIME_SLACK_NANOSECONDS
  } catch (error) {
    if (error instanceof AllmendError) return false
    throw error
  }
}

function indexLine(node: RemoteNode, names: readonly string[]): string {
  const { node: id, conflict: _, ...entry } = remoteEntry(node, names)
  return `${JSON.stringify({ ...entry, node: toHex(id), changed: new Date(node.changed).toISOString() })}\n`
}
