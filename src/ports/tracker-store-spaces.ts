export interface SpaceRow {
  readonly id: Uint8Array
  readonly root: Uint8Array
  readonly epoch: number
  /** Entry of the genesis operation. */
  readonly genesis: number
  /** Distinct blobs that committed versions name, and their bytes. */
  readonly blobs: number
  readonly uniqueBytes: number
}

export interface GrantRow {
  readonly id: Uint8Array
  readonly node: Uint8Array
  readonly gen: number
  readonly grantee: Uint8Array
  readonly encGen: number
  readonly rights: number
  /** Unix seconds. */
  readonly notAfter: number | undefined
}

/** Where a change is: its operation's entry, its place in it. */
export interface ChangePlace {
  readonly operation: number
  readonly place: number
}

export interface NodeRow {
  readonly id: Uint8Array
  /** Zeros for the root. */
  readonly parent: Uint8Array
  readonly parentGen: number
  readonly gen: number
  readonly version: number
  /** Id of the newest change. */
  readonly head: Uint8Array
  /** Deleted itself; a node below a deleted one is gone as well. */
  readonly deleted: boolean
  readonly created: ChangePlace
  /** The changes that set a generation, oldest first. */
  readonly generations: readonly ChangePlace[]
  /** Bytes of those changes. */
  readonly generationBytes: number
  readonly meta: ChangePlace
  readonly metaBytes: number
  readonly content: ChangePlace | undefined
  /** Bytes of that change; 0 without one. */
  readonly contentBytes: number
}

export interface SpaceReader {
  space(id: Uint8Array): SpaceRow | undefined
  /** Spaces in which this member has a grant, oldest first. */
  spacesOf(member: Uint8Array): SpaceRow[]
  grants(space: Uint8Array): GrantRow[]
  node(space: Uint8Array, node: Uint8Array): NodeRow | undefined
  /** Children that aren't deleted themselves, by creation, after the given place. */
  children(space: Uint8Array, parent: Uint8Array, after: ChangePlace | undefined, limit: number): NodeRow[]
  /** Whether a node has or had children, deleted ones too. */
  hasChildren(space: Uint8Array, node: Uint8Array): boolean
}

export interface SpaceWriter extends SpaceReader {
  addSpace(row: SpaceRow): void
  addGrant(space: Uint8Array, grant: GrantRow): void
  /** Adds or replaces nodes. */
  putNodes(space: Uint8Array, nodes: Iterable<NodeRow>): void
  /** Counts newly committed blobs. */
  countBlobs(space: Uint8Array, blobs: number, bytes: number): void
}
