/**
 * The log, its map and its rows as one: the tracker admits entries by it, a witness follows them. Invariants:
 * - between two `heads` entries what was touched waits; a `heads` entry takes it into the map and names the map's root. So
 *   the map is always that of the newest checkpoint, and proofs about it fit.
 * - `begin` … `commit` stand around the store's transaction: `rollback` makes memory what it was, whatever was written.
 * - a tracker keeps leaves, so it saves the map now and then, and when too much of it is in memory; a witness keeps none and saves at
 *   every head.
 */
import { AllmendError, FolderError, ForkedError, InternalError, UntrustedError } from '../errors.ts'
import { bytesOfName, equalBytes, nameOf } from '../bytes.ts'
import { ZERO_ID } from '../objects/suite.ts'
import type { Primitives } from '../primitives.ts'
import type { Anchor, LogEntry, Touch } from './entry.ts'
import {
  ENTRY_KIND,
  encodeTouches,
  entryCodec,
  entryHash,
  headsCodec,
  touchedRoot,
  touchesCodec,
} from './entry.ts'
import type { LogStorageWriter } from './log-storage.ts'
import { LogTree } from './log-tree.ts'
import type { MapLeaf } from './map/map-node.ts'
import type { MapSnapshot, MapUpdate, ResidentNodes } from './map/map-tree.ts'
import { MapTree } from './map/map-tree.ts'
import type { MapTouch, ReplayObject, Replayed } from './replay/replay-entry.ts'
import { replayEntry } from './replay/replay-entry.ts'
import type { RowReader } from './replay/rows.ts'
import { keyedRows } from './replay/rows.ts'

/** Updates of the map after which it is saved: its top pages change with each head, so seldom is cheaper, and takes more memory. */
const SAVE_AFTER_UPDATES = 4_096
/** Updates of the map after which a witness looks whether it holds too much of it. */
const PART_UPDATES = 512

export interface Logged {
  readonly entry: LogEntry
  /** Its bytes, and their hash. */
  readonly leaf: Uint8Array
  readonly hash: Uint8Array
  readonly touched: readonly Touch[]
}

/** An object as it comes in; its time is raised to the newest entry's when it lies before it. */
export type Submission = ReplayObject

/** An update of the map without its key, which its name says: a batch may touch tens of thousands. */
type Waiting = Omit<MapUpdate, 'key'>

interface Mark {
  readonly size: number
  readonly time: number
  readonly isSealed: boolean
  readonly map: MapSnapshot
  /** What waited then; a head begins another map, and leaves this one as it is. */
  readonly waiting: Map<string, Waiting>
  /** Names in there that were touched since, and what stood under them: undefined for nothing. */
  readonly names: string[]
  readonly before: (Waiting | undefined)[]
  isSaved: { tree: boolean; map: boolean }
}

export class LogSession {
  readonly #primitives: Primitives
  readonly #storage: LogStorageWriter
  readonly #rows: RowReader
  readonly tree: LogTree
  readonly map: MapTree
  /** Touched since the last head, by the names of the keys. */
  #waiting = new Map<string, Waiting>()
  #time: number
  #isSealed = false
  #mark: Mark | undefined

  /** Takes up what is stored; throws FolderError where it doesn't fit together. `nodes` are those of the map. */
  constructor(primitives: Primitives, storage: LogStorageWriter, nodes?: ResidentNodes) {
    this.#primitives = primitives
    this.#storage = storage
    this.#rows = keyedRows((key) => storage.row(key))
    const saved = storage.saved() ?? { tree: 0, map: 0, top: new Uint8Array(0), time: 0 }
    this.tree = new LogTree(primitives.sha256, storage, saved.tree)
    this.map = new MapTree(primitives.sha256, storage, saved.top, nodes)
    this.#time = saved.time
    // Trees are saved with heads.
    this.#isSealed = saved.tree > 0
    const count = Math.max(storage.leafCount(), saved.tree)
    for (let index = Math.min(saved.tree, saved.map); index < count; index++) this.#again(index, saved.map)
  }

  /** Entries. */
  get size(): number {
    return this.tree.size
  }

  /** The newest entry's time, Unix milliseconds; 0 before the first. */
  get time(): number {
    return this.#time
  }

  /** Whether the newest entry is of kind `heads`, so that a checkpoint may end here. */
  get isSealed(): boolean {
    return this.#isSealed
  }

  begin(): void {
    if (this.#mark !== undefined) throw new InternalError('transactions do not nest')
    this.#mark = {
      size: this.tree.size,
      time: this.#time,
      isSealed: this.#isSealed,
      map: this.map.snapshot(),
      waiting: this.#waiting,
      names: [],
      before: [],
      isSaved: { tree: false, map: false },
    }
  }

  /** To be called once the store's transaction is durable. */
  commit(): void {
    const { isSaved } = this.#open()
    this.#mark = undefined
    if (isSaved.tree) this.tree.saved()
    if (isSaved.map) this.map.saved()
  }

  rollback(): void {
    const { size, time, isSealed, map, waiting, names, before } = this.#open()
    this.#mark = undefined
    this.tree.truncate(size)
    this.map.restore(map)
    this.#time = time
    this.#isSealed = isSealed
    for (let i = names.length - 1; i >= 0; i--) {
      const [name, update] = [names[i]!, before[i]]
      if (update === undefined) waiting.delete(name)
      else waiting.set(name, update)
    }
    this.#waiting = waiting
  }

  /** Logs an object that the rules pass, and stores it; throws the rules' refusal, after which nothing has changed. */
  admit(object: Submission): Logged {
    this.#open()
    const time = Math.max(object.time, this.#time)
    return this.#log({ ...object, time }, this.#replay({ ...object, time }))
  }

  /** Logs an object that was acknowledged before there was a log: one that the rules refuse stands there void. */
  adopt(object: Submission): { readonly logged: Logged; readonly isVoid: boolean } {
    this.#open()
    const time = Math.max(object.time, this.#time)
    const replayed = this.#replayOrVoid({ ...object, time })
    return { logged: this.#log({ ...object, time }, replayed), isVoid: replayed === undefined }
  }

  #log({ kind, time, body, signatures }: Submission, replayed: Replayed | undefined): Logged {
    const touched = this.#touches(replayed?.touched ?? [], (key) => this.map.get(key))
    const logged = this.#encode({ kind, time, body, signatures }, touched)
    this.#storage.putLeaf(this.size, { leaf: logged.leaf, touches: encodeTouches(touched) })
    this.#append(logged, replayed)
    return logged
  }

  /** Ends a batch: the map takes in what was touched, and the tree's root is that of the next checkpoint. */
  seal(now: number, anchor?: Anchor): Logged {
    const { isSaved } = this.#open()
    const time = Math.max(now, this.#time)
    this.#settle()
    const body = headsCodec.encode({ v: 1, map: this.map.root, ...(anchor === undefined ? {} : { anchor }) })
    const logged = this.#encode({ kind: ENTRY_KIND.heads, time, body, signatures: new Uint8Array(0) }, [])
    this.#storage.putLeaf(this.size, { leaf: logged.leaf, touches: encodeTouches([]) })
    this.#append(logged, undefined)
    this.#storage.putTiles(this.tree.unsaved())
    isSaved.tree = true
    this.#save(this.map.unsavedUpdates >= SAVE_AFTER_UPDATES || this.map.isFull)
    return logged
  }

  /**
   * Takes over an entry of the log that somebody else keeps: the same rules, an entry that they refuse being void. Throws
   * UntrustedError for what doesn't follow, MalformedError, ForkedError for a head of another history.
   */
  follow(leaf: Uint8Array, changes: readonly Uint8Array[]): Logged {
    const { isSaved } = this.#open()
    const entry = entryCodec.decode(leaf)
    if (entry.index !== this.size)
      throw new UntrustedError('entries follow each other', { index: entry.index })
    if (entry.time < this.#time) throw new UntrustedError('time never falls', { index: entry.index })
    const isHeads = entry.kind === ENTRY_KIND.heads
    const replayed = isHeads ? undefined : this.#replayOrVoid({ ...entry, changes } as ReplayObject)
    if (isHeads) this.#followHeads(entry, changes)
    const touched = this.#touches(replayed?.touched ?? [], (key) => this.map.peek(key))
    if (!equalBytes(touchedRoot(this.#primitives.sha256, touched), entry.touched))
      throw new UntrustedError('what an entry touches does not follow from the log', { index: entry.index })
    const hash = entryHash(this.#primitives.sha256, leaf)
    const logged = { entry, leaf, hash, touched }
    this.#append(logged, replayed)
    if (isHeads) {
      this.#storage.putTiles(this.tree.unsaved())
      isSaved.tree = true
      this.#save(true)
    }
    return logged
  }

  #followHeads(entry: LogEntry, changes: readonly Uint8Array[]): void {
    if (entry.signatures.length > 0 || changes.length > 0)
      throw new UntrustedError('a heads entry has neither signatures nor changes', { index: entry.index })
    const { map } = headsCodec.decode(entry.body)
    this.#settleInParts()
    if (!equalBytes(map, this.map.root))
      throw new UntrustedError('the map does not follow from the log', { index: entry.index })
  }

  #replayOrVoid(object: ReplayObject): Replayed | undefined {
    try {
      return this.#replay(object)
    } catch (error) {
      // A damaged store and a foreign head stop it; every other refusal is the rules' own.
      const isRefusal = error instanceof AllmendError
      if (!isRefusal || error instanceof FolderError || error instanceof ForkedError) throw error
      return undefined
    }
  }

  #replay(object: ReplayObject): Replayed {
    const { tree } = this
    return replayEntry(
      this.#primitives,
      this.#rows,
      { size: tree.size, root: (size) => tree.root(size) },
      object,
    )
  }

  /** What stands at these keys now, which is what the entry's touches name. */
  #touches(touched: readonly MapTouch[], inMap: (key: Uint8Array) => MapLeaf | undefined): Touch[] {
    return touched.map(({ key, name, isRemoved }) => {
      const before = this.#waiting.get(name) ?? inMap(key)
      return before?.value === undefined
        ? [key, 0, ZERO_ID, isRemoved]
        : [key, before.index, before.value, isRemoved]
    })
  }

  #encode(
    object: Pick<LogEntry, 'kind' | 'time' | 'body' | 'signatures'>,
    touched: readonly Touch[],
  ): Logged {
    const { sha256 } = this.#primitives
    const entry: LogEntry = { v: 1, index: this.size, ...object, touched: touchedRoot(sha256, touched) }
    const leaf = entryCodec.encode(entry)
    return { entry, leaf, hash: entryHash(sha256, leaf), touched }
  }

  #append({ entry, hash }: Logged, replayed: Replayed | undefined): void {
    if (replayed !== undefined) this.#wait(replayed.touched, hash, entry.index)
    this.#time = entry.time
    this.#isSealed = entry.kind === ENTRY_KIND.heads
    this.tree.append(hash)
    if (replayed !== undefined) this.#storage.putRows(replayed.rows)
  }

  #wait(touched: readonly Pick<MapTouch, 'name' | 'isRemoved'>[], hash: Uint8Array, index: number): void {
    const waiting = this.#waiting
    const mark = this.#mark?.waiting === waiting ? this.#mark : undefined
    for (const { name, isRemoved } of touched) {
      mark?.names.push(name)
      mark?.before.push(waiting.get(name))
      waiting.set(name, { value: isRemoved ? undefined : hash, index })
    }
  }

  /** The map takes in what waited. */
  #settle(): void {
    this.map.update(Array.from(this.#waiting, updateOf))
    this.#waiting = new Map()
  }

  /**
   * The same where the head saves the map anyway: in the order of keys, so that pages which are done with are stored, and let go,
   * before others are read. A batch for a large map touches more pages than a witness has memory for.
   */
  #settleInParts(): void {
    const waiting = this.#waiting
    this.#waiting = new Map()
    // Names sort as the keys do.
    const names = [...waiting.keys()].sort()
    for (let from = 0; from < names.length; from += PART_UPDATES) {
      const part = names.slice(from, from + PART_UPDATES)
      this.map.update(part.map((name) => updateOf([name, waiting.get(name)!])))
      if (!this.map.isFull) continue
      this.#storage.putPages(this.map.unsaved().pages)
      this.map.saved()
    }
  }

  #save(isMap: boolean): void {
    const { isSaved } = this.#open()
    const stored = this.#storage.saved()
    const time = this.#time
    const tree = this.tree.size
    if (isMap) {
      const { top, pages } = this.map.unsaved()
      this.#storage.putPages(pages)
      this.#storage.putSaved({ tree, map: tree, top, time })
      isSaved.map = true
    } else
      this.#storage.putSaved({
        tree,
        map: stored?.map ?? 0,
        top: stored?.top ?? new Uint8Array(0),
        time,
      })
  }

  /** Applies a stored entry anew where tree or map don't reach to it. */
  #again(index: number, mapSize: number): void {
    const stored = this.#storage.leaf(index)
    if (stored === undefined) throw new FolderError('an entry of the log is missing', { index })
    const hash = entryHash(this.#primitives.sha256, stored.leaf)
    if (index === this.tree.size) this.tree.append(hash)
    if (index < mapSize) return
    const entry = entryCodec.decode(stored.leaf)
    this.#time = Math.max(this.#time, entry.time)
    this.#isSealed = entry.kind === ENTRY_KIND.heads
    const touched = touchesCodec.decode(stored.touches)
    this.#wait(
      touched.map(([key, , , isRemoved]) => ({ name: nameOf(key), isRemoved })),
      hash,
      index,
    )
    if (entry.kind !== ENTRY_KIND.heads) return
    this.#settle()
    if (!equalBytes(headsCodec.decode(entry.body).map, this.map.root))
      throw new FolderError('the stored map does not follow from the stored log', { index })
  }

  #open(): Mark {
    if (this.#mark === undefined) throw new InternalError('entries are logged within a transaction')
    return this.#mark
  }
}

function updateOf([name, { value, index }]: readonly [string, Waiting]): MapUpdate {
  return { key: bytesOfName(name), value, index }
}
