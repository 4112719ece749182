import { equalBytes, toHex } from '../../bytes.ts'
import { FolderError } from '../../errors.ts'
import type { HashFunction } from '../../merkle.ts'
import { EMPTY_MAP_ROOT, bitAt, sharedBits } from './map-hash.ts'
import type { MapBranch, MapLeaf, MapNode, MapNodes, MapReference } from './map-node.ts'
import { BRANCH, LEAF, REFERENCE, hashOf } from './map-node.ts'
import { decodePage, pageOf } from './map-page.ts'

/** Where pages come from. */
export interface MapPageReader {
  /** The page of this prefix (0 to 31 bytes). */
  page(prefix: Uint8Array): Uint8Array | undefined
}

/** A map with its root. */
export interface MapReader extends MapNodes {
  readonly root: Uint8Array
  get(key: Uint8Array): MapLeaf | undefined
}

/** The branch that a reference names; throws FolderError when its page is missing, damaged or another one. */
export function loadBranch(
  hash: HashFunction,
  pages: MapPageReader,
  node: MapReference,
): { readonly top: MapBranch; readonly nodes: number } {
  const prefix = pageOf(node)
  const bytes = pages.page(prefix)
  if (bytes === undefined) throw new FolderError('a page of the map is missing', { prefix })
  const loaded = decodePage(bytes, node)
  if (!equalBytes(hashOf(hash, loaded.top), node.hash))
    throw new FolderError('a page of the map is not the one that is referred to', { prefix })
  return loaded
}

/** What stands at a key of a map. */
export function leafAt(map: MapNodes, key: Uint8Array): MapLeaf | undefined {
  let node = map.top
  while (node !== undefined && node.kind !== LEAF) {
    if (sharedBits(node.path, key) < node.depth) return undefined
    node = map.child(node, bitAt(key, node.depth))
  }
  return node !== undefined && equalBytes(node.key, key) ? node : undefined
}

/** The map as it was when the view was taken, whatever is saved since; to be released when nobody reads it any more. */
export class MapView implements MapReader {
  readonly root: Uint8Array
  readonly top: MapNode | undefined
  readonly #hash: HashFunction
  readonly #pages: MapPageReader
  readonly #onRelease: (view: MapView) => void
  /** Pages as they were, of those that have been replaced since. */
  readonly #replaced = new Map<string, Uint8Array>()

  constructor(
    hash: HashFunction,
    pages: MapPageReader,
    top: MapNode | undefined,
    onRelease: (view: MapView) => void,
  ) {
    this.#hash = hash
    this.#pages = pages
    this.#onRelease = onRelease
    this.top = top
    this.root = top === undefined ? EMPTY_MAP_ROOT : hashOf(hash, top)
  }

  child(node: MapBranch | MapReference, side: 0 | 1): MapNode {
    const branch = this.#load(node)
    const child = side === 0 ? branch.left : branch.right
    return child.kind === REFERENCE ? this.#load(child) : child
  }

  get(key: Uint8Array): MapLeaf | undefined {
    return leafAt(this, key)
  }

  /** Keeps a page that is about to be replaced or dropped. */
  keep(prefix: Uint8Array, bytes: Uint8Array): void {
    const name = toHex(prefix)
    if (!this.#replaced.has(name)) this.#replaced.set(name, bytes)
  }

  release(): void {
    this.#replaced.clear()
    this.#onRelease(this)
  }

  #load(node: MapBranch | MapReference): MapBranch {
    if (node.kind === BRANCH) return node
    const pages: MapPageReader = {
      page: (prefix) => this.#replaced.get(toHex(prefix)) ?? this.#pages.page(prefix),
    }
    return loadBranch(this.#hash, pages, node).top
  }
}
