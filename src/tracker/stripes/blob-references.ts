/**
 * What the versions of one operation need: each blob must be safe in the pool before it is named, and stays from then on.
 * Invariant: references are counted once for each mention by a version, directly or through a public list, and never fall here.
 */
import { toHex } from '../../core/open/bytes.ts'
import { CapacityError, NotFoundError } from '../../core/open/errors.ts'
import type { Refs } from '../../core/open/objects/change.ts'
import { decodePublicList } from '../../core/open/blobs/public-list.ts'
import type { TrackerWriter } from '../../ports/tracker-store.ts'
import { equalBytes } from '../../core/open/bytes.ts'

/** Blobs that one operation may name, lists' included: 256 GiB of mean chunks, some seconds of work. */
export const MAX_OPERATION_REFERENCES = 1_048_576

export class BlobReferences {
  readonly #tables: TrackerWriter
  readonly #space: Uint8Array
  readonly #member: Uint8Array
  readonly #stripes = new Map<string, Uint8Array>()
  #count = 0
  #newBlobs = 0
  #newBytes = 0
  /** Every blob that was named, lists' blobs included. */
  readonly named: Uint8Array[] = []

  constructor(tables: TrackerWriter, space: Uint8Array, member: Uint8Array) {
    this.#tables = tables
    this.#space = space
    this.#member = member
  }

  /** Checks and counts one version's references; throws NotFoundError naming the first that isn't there, CapacityError. */
  add(refs: Refs): void {
    this.#take(refs.ids)
    for (const id of refs.lists) {
      const list = this.#tables.stripes.list(this.#space, id)
      if (list === undefined) throw new NotFoundError('a list of blobs was not put before', { list: id })
      this.#take(decodePublicList(list.bytes))
      // The list is a blob itself, stored so that references can be counted again from the pool alone.
      this.#take([id])
      this.#tables.stripes.commitList(this.#space, id)
    }
  }

  /** Makes the stripes permanent and the counts of the space true. */
  commit(): void {
    for (const stripe of this.#stripes.values()) this.#tables.stripes.commitStripe(stripe)
    if (this.#newBlobs > 0) this.#tables.spaces.countBlobs(this.#space, this.#newBlobs, this.#newBytes)
  }

  #take(ids: readonly Uint8Array[]): void {
    this.#count += ids.length
    if (this.#count > MAX_OPERATION_REFERENCES)
      throw new CapacityError(`an operation names at most ${MAX_OPERATION_REFERENCES} blobs`)
    for (const id of ids) this.#reference(id)
  }

  #reference(blob: Uint8Array): void {
    const { stripes } = this.#tables
    const usable = stripes
      .locations(this.#space, blob)
      .filter((at) => at.committed || (at.sealed && equalBytes(at.member, this.#member)))
    const [first] = usable
    if (first === undefined)
      throw new NotFoundError('a blob that this operation names is not stored', { blob })
    for (const { stripe, committed } of usable) if (!committed) this.#stripes.set(toHex(stripe), stripe)
    if (stripes.references(this.#space, blob) === 0) {
      this.#newBlobs++
      this.#newBytes += first.length
    }
    stripes.addReference(this.#space, blob)
    this.named.push(blob)
  }
}
