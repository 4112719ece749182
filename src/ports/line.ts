/** A limit of this node's line as it holds now. */
export interface LimitInForce {
  /** Bytes a second. */
  readonly rate: number
  /** When another one, or none, begins to hold; undefined where that never happens. */
  readonly until?: Date
}

/** What a node may move over the household's line, all its connections together. */
export interface Line {
  /** The directions in which the limit is what transfers wait for at the moment: that they are slow says nothing of peers. */
  readonly held: { readonly up: boolean; readonly down: boolean }
  /** Peers on the local network count too. */
  readonly withLan: boolean
  /** What holds now, by direction. */
  inForce(): { readonly up?: LimitInForce; readonly down?: LimitInForce }
}
