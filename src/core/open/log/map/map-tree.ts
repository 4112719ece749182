/**
 * The map from keys to the newest entries that touched them. Invariants:
 * - `update` makes a new tree beside the old one: a snapshot taken before is whole again by `restore`.
 * - stored pages are those of one tree: what `unsaved` gives is made durable in one transaction, then `saved` is called. Several
 *   batches may go by in between, since the top pages change with each; after a crash the entries since then are applied again.
 *   Or several saves may go by in one transaction that reads what it wrote: `restore` undoes them with it.
 * - a page that isn't the one its reference names is damage (FolderError), never served.
 */
import { equalBytes, nameOf, toHex } from '../../bytes.ts'
import { FolderError } from '../../errors.ts'
import type { HashFunction } from '../../merkle.ts'
import { EMPTY_MAP_ROOT, bitAt, sharedBits } from './map-hash.ts'
import type { MapBranch, MapLeaf, MapNode, MapReference } from './map-node.ts'
import { BRANCH, LEAF, REFERENCE, hashOf, pathOf } from './map-node.ts'
import { decodeTop, encodePage, encodeTop, findInPage, isInPage, pageOf } from './map-page.ts'
import type { MapPageReader, MapReader } from './map-view.ts'
import { MapView, leafAt, loadBranch } from './map-view.ts'

export { leafAt } from './map-view.ts'

export interface MapUpdate {
  readonly key: Uint8Array
  /** The newest entry's hash and index; undefined takes the key out. */
  readonly value: Uint8Array | undefined
  readonly index: number
}

/** A page to write, or to drop where it has no bytes. */
export interface MapPageWrite {
  readonly prefix: Uint8Array
  readonly bytes: Uint8Array | undefined
}

/** What isn't stored yet. */
export interface UnsavedMap {
  /** Stored by itself: what `new MapTree` takes. */
  readonly top: Uint8Array
  readonly pages: readonly MapPageWrite[]
}

interface State {
  readonly top: MapNode | undefined
  readonly updates: number
  readonly vanished: ReadonlyMap<string, Uint8Array>
}

declare const snapshot: unique symbol
export interface MapSnapshot {
  readonly [snapshot]: true
}

/** How many nodes stay in memory, about 650 bytes each. */
export interface ResidentNodes {
  /** Of more all but the topmost pages are let go once they are saved. */
  readonly kept: number
  /** From so many on the map should be saved. */
  readonly most: number
}

/** 21 MB, of 16,000 files; and 85 MB, as what is touched between two saves stays. */
const RESIDENT: ResidentNodes = { kept: 32_768, most: 131_072 }
/** Depth from which on pages are let go: the topmost level is on every path, and has 510 nodes at most. */
const KEPT_BITS = 8

export class MapTree implements MapReader {
  readonly #hash: HashFunction
  readonly #pages: MapPageReader
  readonly #nodes: ResidentNodes
  #top: MapNode | undefined
  #resident = 0
  #updates = 0
  /** Rises with every snapshot and view: branches made since belong to nobody else, and are changed in place. */
  #epoch = 0
  readonly #views = new Set<MapView>()
  /** Pages from which branches vanished since the last save, by prefix. */
  #vanished = new Map<string, Uint8Array>()
  /** The page that was looked into last, by the length of its prefix: on the way to the next key most are the same. */
  #recent: { readonly name: string; readonly bytes: Uint8Array }[] = []

  /** `top` is the stored top of the map, no bytes for the empty one. */
  constructor(hash: HashFunction, pages: MapPageReader, top: Uint8Array, nodes = RESIDENT) {
    this.#hash = hash
    this.#pages = pages
    this.#nodes = nodes
    this.#top = decodeTop(top)
  }

  get root(): Uint8Array {
    return this.#top === undefined ? EMPTY_MAP_ROOT : hashOf(this.#hash, this.#top)
  }

  /** The tree's topmost node, for proofs; undefined in an empty map. */
  get top(): MapNode | undefined {
    return this.#top
  }

  get(key: Uint8Array): MapLeaf | undefined {
    return leafAt(this, key)
  }

  /** The same, keeping nothing of it in memory but the pages on the way: for many keys in their order. */
  peek(key: Uint8Array): MapLeaf | undefined {
    let node = this.#top
    while (node !== undefined && node.kind !== LEAF) {
      if (sharedBits(node.path, key) < node.depth) return undefined
      if (node.kind === REFERENCE) node = findInPage(this.#recentPage(node), node, key)
      else node = bitAt(key, node.depth) === 0 ? node.left : node.right
    }
    return node !== undefined && equalBytes(node.key, key) ? node : undefined
  }

  /** The left (0) or right (1) child of a branch, read from its page where necessary. */
  child(node: MapBranch | MapReference, side: 0 | 1): MapNode {
    const branch = this.#load(node)
    const child = side === 0 ? branch.left : branch.right
    if (child.kind !== REFERENCE) return child
    const loaded = this.#load(child)
    if (side === 0) branch.left = loaded
    else branch.right = loaded
    return loaded
  }

  /** The map as it is now, however it changes; it must be released. */
  view(): MapView {
    this.#epoch++
    const view = new MapView(this.#hash, this.#pages, this.#top, (released) => this.#views.delete(released))
    this.#views.add(view)
    return view
  }

  /** Whether there are more nodes in memory than there should be: to be saved soon. */
  get isFull(): boolean {
    return this.#resident > this.#nodes.most
  }

  /** Updates since the last save: what would have to be applied again, and what memory holds on to. */
  get unsavedUpdates(): number {
    return this.#updates
  }

  /** Applies updates in order; the root is then the new one. */
  update(updates: readonly MapUpdate[]): void {
    for (const { key, value, index } of updates) {
      if (value === undefined) this.#top = this.#top && this.#without(this.#top, key)
      else {
        const leaf: MapLeaf = { kind: LEAF, key, value, index }
        this.#top = this.#top === undefined ? leaf : this.#with(this.#top, leaf)
      }
    }
    this.#updates += updates.length
  }

  /** The pages that changed since the last save, and the top. */
  unsaved(): UnsavedMap {
    const written = new Set<string>()
    const pages: MapPageWrite[] = []
    if (this.#top !== undefined) this.#collect(this.#top, -1, pages, written)
    for (const [name, prefix] of this.#vanished) {
      if (written.has(name)) continue
      const top = this.#topOfPage(prefix)
      pages.push({ prefix, bytes: top === undefined ? undefined : encodePage(this.#hash, top) })
    }
    this.#keepReplaced(pages)
    return { top: encodeTop(this.#hash, this.#top), pages }
  }

  /** To be called once what `unsaved` gave is stored: memory may be let go from then on. */
  saved(): void {
    this.#updates = 0
    this.#vanished = new Map()
    this.#recent = []
    if (this.#top === undefined) return
    markSaved(this.#top)
    this.#letGo()
  }

  snapshot(): MapSnapshot {
    this.#epoch++
    const state: State = { top: this.#top, updates: this.#updates, vanished: new Map(this.#vanished) }
    return state as unknown as MapSnapshot
  }

  /** Forgets all updates since; for a transaction that failed, with what was saved in it. */
  restore(taken: MapSnapshot): void {
    const { top, updates, vanished } = taken as unknown as State
    this.#top = top
    this.#updates = updates
    this.#vanished = new Map(vanished)
    this.#recent = []
  }

  #recentPage(node: MapReference): Uint8Array {
    const prefix = pageOf(node)
    const name = nameOf(prefix)
    const recent = this.#recent[prefix.length]
    if (recent?.name === name) return recent.bytes
    const bytes = this.#pages.page(prefix)
    if (bytes === undefined) throw new FolderError('a page of the map is missing', { prefix })
    this.#recent[prefix.length] = { name, bytes }
    return bytes
  }

  #letGo(): void {
    if (this.#top === undefined || this.#resident <= this.#nodes.kept) return
    this.#resident = 0
    this.#top = this.#prune(this.#top)
  }

  #load(node: MapBranch | MapReference): MapBranch {
    if (node.kind === BRANCH) return node
    const { top, nodes } = loadBranch(this.#hash, this.#pages, node)
    this.#resident += nodes
    return top
  }

  #with(node: MapNode, leaf: MapLeaf): MapNode {
    const shared = sharedBits(pathOf(node), leaf.key)
    if (node.kind === LEAF ? shared < leaf.key.length * 8 : shared < node.depth) {
      this.#resident += 2
      const isRight = bitAt(leaf.key, shared) === 1
      // A page has no references into itself.
      const isSamePage = node.kind === REFERENCE && isInPage(node.depth, Math.floor(shared / 8))
      const other = isSamePage ? this.#load(node) : node
      return {
        kind: BRANCH,
        depth: shared,
        path: leaf.key,
        left: isRight ? other : leaf,
        right: isRight ? leaf : other,
        hash: undefined,
        isSaved: false,
        epoch: this.#epoch,
      }
    }
    if (node.kind === LEAF) return leaf
    const branch = this.#load(node)
    const side = bitAt(leaf.key, branch.depth) === 0 ? 'left' : 'right'
    const child = this.#with(branch[side], leaf)
    if (branch.epoch !== this.#epoch)
      return { ...branch, [side]: child, hash: undefined, isSaved: false, epoch: this.#epoch }
    branch[side] = child
    branch.hash = undefined
    branch.isSaved = false
    return branch
  }

  #without(node: MapNode, key: Uint8Array): MapNode | undefined {
    if (node.kind === LEAF) return equalBytes(node.key, key) ? undefined : node
    if (sharedBits(node.path, key) < node.depth) return node
    const branch = this.#load(node)
    const isLeft = bitAt(key, branch.depth) === 0
    const child = isLeft ? branch.left : branch.right
    const other = isLeft ? branch.right : branch.left
    const rest = this.#without(child, key)
    if (rest === child) return branch
    const { depth } = branch
    if (rest === undefined) {
      const prefix = pageOf(branch)
      this.#vanished.set(toHex(prefix), prefix)
      return other
    }
    // The path may be the key that goes away: any key below says the same prefix.
    return {
      kind: BRANCH,
      depth,
      path: pathOf(rest),
      left: isLeft ? rest : other,
      right: isLeft ? other : rest,
      hash: undefined,
      isSaved: false,
      epoch: this.#epoch,
    }
  }

  /** Encodes every page with a changed branch; `above` is the page of the parent, in bytes of its prefix. */
  #collect(node: MapNode, above: number, pages: MapPageWrite[], written: Set<string>): void {
    if (node.kind !== BRANCH || node.isSaved) return
    const prefix = pageOf(node)
    this.#collect(node.left, prefix.length, pages, written)
    this.#collect(node.right, prefix.length, pages, written)
    hashOf(this.#hash, node)
    if (prefix.length === above) return
    written.add(toHex(prefix))
    pages.push({ prefix, bytes: encodePage(this.#hash, node) })
  }

  /** The topmost branch that stands in the page of this prefix. */
  #topOfPage(prefix: Uint8Array): MapBranch | undefined {
    const depth = prefix.length * 8
    let node = this.#top
    while (node !== undefined && node.kind !== LEAF) {
      if (node.depth >= depth) break
      node = this.child(node, bitAt(prefix, node.depth))
    }
    if (node === undefined || node.kind === LEAF || !isInPage(node.depth, prefix.length)) return undefined
    const isBelow = prefix.every((byte, i) => node.path[i] === byte)
    return isBelow ? this.#load(node) : undefined
  }

  /** Views go on with the pages that they began with. */
  #keepReplaced(pages: readonly MapPageWrite[]): void {
    if (this.#views.size === 0) return
    for (const { prefix } of pages) {
      const bytes = this.#pages.page(prefix)
      if (bytes !== undefined) for (const view of this.#views) view.keep(prefix, bytes)
    }
  }

  #prune(node: MapNode): MapNode {
    this.#resident++
    if (node.kind !== BRANCH) return node
    if (node.depth >= KEPT_BITS) {
      const { depth, path } = node
      return { kind: REFERENCE, depth, path, hash: hashOf(this.#hash, node) }
    }
    // A copy: views hold on to what they have in memory.
    return { ...node, left: this.#prune(node.left), right: this.#prune(node.right) }
  }
}

function markSaved(node: MapNode): void {
  if (node.kind !== BRANCH || node.isSaved) return
  node.isSaved = true
  markSaved(node.left)
  markSaved(node.right)
}
